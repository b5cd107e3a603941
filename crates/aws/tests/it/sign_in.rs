//! Signing in: roles and the machine's own credentials, renewed before they end, over outages and refusals.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, SystemTime},
};

use quittance_aws::{Account, AwsError, Queue, Role, SignIn, SqsQueue, accounts_of_organization};
use quittance_core::{Class, Clock, chain};
use quittance_testbed::aws::{ACCOUNT, Assumed, FakeAws, Loss};
use tokio::{task::JoinSet, time::sleep};

use crate::scene::{FakeClock, QUEUE, REGION, Scene, events, limits, way};

const BASE: &str = "arn:aws:iam::111122223333:role/base";
const TARGET: &str = "arn:aws:iam::444455556666:role/quittance";
const OUTAGE: &str = "ServiceUnavailable";

fn keys() -> SignIn {
    let text = |text: &str| Some(text.to_owned().into());
    SignIn { access_key: text("AKIATEST"), access_secret: text("very-secret"), ..SignIn::default() }
}

fn with_role() -> SignIn {
    SignIn { base_assume_role: Some(BASE.to_owned()), ..keys() }
}

fn across() -> SignIn {
    SignIn {
        target_assume_role: Some(TARGET.to_owned()),
        assume_role_external_id: Some("our-id".to_owned()),
        ..with_role()
    }
}

async fn account(aws: &FakeAws, sign_in: &SignIn) -> Account {
    let clock = Arc::new(FakeClock(aws.clone()));
    Account::sign_in("12351".to_owned(), sign_in, way(aws, clock)).await.unwrap()
}

fn world() -> FakeAws {
    let aws = FakeAws::new(3);
    aws.create_queue(QUEUE, Default::default());
    aws
}

async fn ask(account: &Account) -> Result<(), AwsError> {
    SqsQueue::open(account, REGION, QUEUE).await.map(drop)
}

/// peer-bugs 49: an assumed role died after an hour.
#[tokio::test(start_paused = true)]
async fn a_day_with_credentials_of_one_hour_has_no_failed_pull() {
    let mut scene = Scene::new(Some(1)).await;
    scene.sign_in(&across()).await;
    let running = scene.objects(limits());
    for hour in 0..24 {
        scene.put_lines(&hour.to_string(), hour * 10..hour * 10 + 5);
        sleep(Duration::from_secs(3600)).await;
    }
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts().len(), 24 * 5);
    let failed: Vec<_> = scene.aws.all_calls().into_iter().filter(|((_, outcome), _)| outcome != "ok").collect();
    assert_eq!(failed, []);
    let asked = scene.aws.calls("AssumeRole");
    assert!((2 * 46..=2 * 49).contains(&asked), "{asked} calls for two roles, which is not one each half hour");
    scene.end(running).await;
}

/// At half of their life is early enough for an outage of twenty minutes, whenever it begins.
#[tokio::test(start_paused = true)]
async fn an_outage_of_sts_of_twenty_minutes_is_survived_without_a_gap() {
    for (minute, lost) in [(1, false), (25, true), (31, false), (58, true)] {
        let mut scene = Scene::new(Some(1)).await;
        scene.sign_in(&across()).await;
        let running = scene.objects(limits());
        sleep(Duration::from_secs(minute * 60)).await;
        match lost {
            true => scene.aws.lose_sometimes("AssumeRole", 1.0, Loss::Request),
            false => scene.aws.fail_while("AssumeRole", OUTAGE),
        }
        for n in 0..20 {
            scene.put_lines(&n.to_string(), n * 10..n * 10 + 1);
            sleep(Duration::from_secs(60)).await;
            assert_eq!(scene.receiver.texts().len() as u64, n + 1, "from minute {minute}, after {n} minutes");
        }
        let attempts = scene.aws.calls("AssumeRole");
        assert!(attempts < 80, "{attempts} attempts: an outage is no reason to ask all the time");
        scene.aws.recover("AssumeRole");
        sleep(Duration::from_secs(2 * 3600)).await;
        assert_eq!(scene.aws.calls_with("ReceiveMessage", "ExpiredToken"), 0);
        scene.end(running).await;
    }
}

/// An outage longer than the credentials live ends the run, in words that do not blame the queue, and it goes on afterwards.
#[tokio::test(start_paused = true)]
async fn when_the_old_credentials_really_end_the_outage_is_said_and_then_it_goes_on() {
    let aws = world();
    let account = account(&aws, &with_role()).await;
    ask(&account).await.unwrap();
    aws.lose_sometimes("AssumeRole", 1.0, Loss::Request);
    sleep(Duration::from_secs(3590)).await;
    ask(&account).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    let error = ask(&account).await.unwrap_err();
    assert_eq!(error.class(), Class::Retry);
    assert!(error.to_string().contains("we could not sign in"), "{error}");
    assert!(error.chain().contains(BASE), "{}", error.chain());
    aws.recover("AssumeRole");
    ask(&account).await.unwrap();
}

/// Trap 24: the SDK's cache of identities holds 64.
#[tokio::test(start_paused = true)]
async fn two_hundred_tenants_with_ten_calls_each_are_two_hundred_calls_of_sts() {
    let aws = world();
    let mut calls = JoinSet::new();
    for tenant in 0..200u64 {
        let role = format!("arn:aws:iam::{:012}:role/quittance", 100_000_000_000 + tenant);
        let sign_in = SignIn { target_assume_role: Some(role), ..keys() };
        let account = Arc::new(account(&aws, &sign_in).await);
        for _ in 0..10 {
            let account = account.clone();
            calls.spawn(async move { ask(&account).await.unwrap() });
        }
    }
    calls.join_all().await;
    assert_eq!((aws.calls("GetQueueUrl"), aws.calls("AssumeRole")), (2000, 200));
}

#[tokio::test(start_paused = true)]
async fn the_external_id_goes_with_the_second_call_alone() {
    let aws = world();
    aws.add_role_for(BASE, "arn:aws:iam::111122223333:user/AKIATEST", None);
    aws.add_role_for(TARGET, "arn:aws:sts::111122223333:assumed-role/base/", Some("our-id"));
    let account = account(&aws, &across()).await;
    assert_eq!(account.number().await.unwrap(), "444455556666");
    let call = |role: &str, caller: &str, external_id: Option<&str>| Assumed {
        role: role.to_owned(),
        caller: caller.to_owned(),
        external_id: external_id.map(str::to_owned),
        session: "quittance-12351".to_owned(),
        seconds: 3600,
        region: REGION.to_owned(),
    };
    let first = call(BASE, &format!("arn:aws:iam::{ACCOUNT}:user/AKIATEST"), None);
    let base = format!("arn:aws:sts::{ACCOUNT}:assumed-role/base/quittance-12351");
    assert_eq!(aws.assumed(), [first, call(TARGET, &base, Some("our-id"))]);
}

/// peer-bugs 48: sessions that are revoked, and keys that are gone.
#[tokio::test(start_paused = true)]
async fn a_token_that_aws_takes_for_expired_is_resolved_again_before_anything_fails() {
    let mut scene = Scene::new(Some(1)).await;
    scene.sign_in(&across()).await;
    let running = scene.objects(limits());
    scene.put_lines("before", 0..5);
    scene.until_empty().await;
    sleep(Duration::from_secs(300)).await;
    scene.aws.expire_sessions();
    scene.put_lines("after", 10..15);
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), [events(0..5), events(10..15)].concat());
    assert!(!running.is_over(), "the engine saw nothing of it");
    assert!(scene.aws.all_calls().into_keys().any(|(_, outcome)| outcome == "ExpiredToken"));
    // Two at first; then one with the old base role, which is refused, and two anew.
    assert_eq!(scene.aws.calls("AssumeRole"), 5);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn fresh_credentials_that_are_refused_are_not_asked_for_again_and_again() {
    let aws = world();
    let account = account(&aws, &with_role()).await;
    aws.fail_while("GetQueueUrl", "InvalidClientTokenId");
    for _ in 0..20 {
        assert_eq!(ask(&account).await.unwrap_err().class(), Class::NeedsPerson);
    }
    assert_eq!((aws.calls("GetQueueUrl"), aws.calls("AssumeRole")), (21, 2), "one call is signed again");
    // After 1, 2, 4, 8, 16 and 32 seconds, then each minute.
    for _ in 0..600 {
        sleep(Duration::from_secs(1)).await;
        assert!(ask(&account).await.is_err());
    }
    let asked = aws.calls("AssumeRole");
    assert!((12..=18).contains(&asked), "STS was asked {asked} times");
}

/// Not long after they were given out, and again and again.
#[tokio::test(start_paused = true)]
async fn sessions_that_are_revoked_young_are_replaced_at_once() {
    let aws = world();
    let account = account(&aws, &with_role()).await;
    ask(&account).await.unwrap();
    for seconds in [0, 2, 10, 50] {
        sleep(Duration::from_secs(seconds)).await;
        aws.expire_sessions();
        ask(&account).await.unwrap();
    }
    assert_eq!((aws.calls_with("GetQueueUrl", "ok"), aws.calls("AssumeRole")), (5, 5));
}

/// The SDK wraps both as a failure to dispatch the call that was to be made.
#[tokio::test(start_paused = true)]
async fn a_refusal_of_sts_is_told_from_a_fault_of_the_network() {
    let aws = world();
    aws.add_role(BASE, None);
    aws.add_role(TARGET, Some("another-id"));
    let refused = ask(&account(&aws, &across()).await).await.unwrap_err();
    assert!(matches!(refused, AwsError::SignIn { .. }), "{refused:?}");
    assert_eq!(refused.class(), Class::NeedsPerson);
    let text = refused.chain();
    assert!(text.contains("GetQueueUrl") && text.contains("AccessDenied") && text.contains(TARGET), "{text}");
    assert!(text.contains("not authorized to perform: sts:AssumeRole"), "{text}");

    aws.lose_next("AssumeRole", 1, Loss::Request);
    let lost = ask(&account(&aws, &across()).await).await.unwrap_err();
    assert!(matches!(lost, AwsError::SignIn { .. }), "{lost:?}");
    assert_eq!((lost.class(), lost.chain().contains(BASE)), (Class::Retry, true));

    aws.fail_next("AssumeRole", 1, 400, "Throttling");
    let throttled = ask(&account(&aws, &across()).await).await.unwrap_err();
    assert_eq!(throttled.class(), Class::Throttled);

    aws.lose_next("GetQueueUrl", 1, Loss::Request);
    let network = ask(&account(&aws, &keys()).await).await.unwrap_err();
    assert!(matches!(network, AwsError::Api { .. }), "{network:?}");
    assert_eq!(network.class(), Class::Retry);
}

#[tokio::test(start_paused = true)]
async fn an_instance_lends_its_role() {
    let aws = world();
    aws.set_instance_role("collector");
    let plain = account(&aws, &SignIn::default()).await;
    assert_eq!(plain.number().await.unwrap(), ACCOUNT);
    assert_eq!(aws.assumed(), []);
    for _ in 0..100 {
        ask(&plain).await.unwrap();
        sleep(Duration::from_secs(900)).await;
    }
    assert_eq!(aws.calls_with("GetQueueUrl", "ok"), 100, "over a day, with credentials of six hours");

    let target = SignIn { target_assume_role: Some(TARGET.to_owned()), ..SignIn::default() };
    aws.add_role_for(TARGET, "arn:aws:sts::111122223333:assumed-role/collector/", None);
    assert_eq!(account(&aws, &target).await.number().await.unwrap(), "444455556666");
}

#[tokio::test(start_paused = true)]
async fn a_machine_without_credentials_is_told_so() {
    let aws = world();
    let error = ask(&account(&aws, &SignIn::default()).await).await.unwrap_err();
    assert_eq!(error.class(), Class::NeedsPerson);
    assert!(error.chain().contains("the machine's own credentials cannot be had"), "{}", error.chain());
}

#[tokio::test(start_paused = true)]
async fn an_organization_is_listed_page_by_page_without_its_suspended_accounts() {
    let aws = world();
    for n in 0..10 {
        aws.add_member(format!("{:012}", 200 - n), n % 4 != 1);
    }
    let management = account(&aws, &with_role()).await;
    let numbers = accounts_of_organization(&management).await.unwrap();
    let active = [0, 2, 3, 4, 6, 7, 8].map(|n| format!("{:012}", 200 - n));
    assert_eq!(numbers, active.into_iter().rev().collect::<Vec<_>>());
    assert_eq!(aws.calls("ListAccounts"), 4);

    let role = Role::new(("role", "external_id"), "arn:aws:iam::000000000200:role/reader", Some("org")).unwrap();
    let member = management.in_role("12351/000000000200".to_owned(), &role);
    assert_eq!(member.number().await.unwrap(), "000000000200");
    let last = aws.assumed().pop().unwrap();
    assert_eq!((last.external_id.as_deref(), &*last.session), (Some("org"), "quittance-12351-000000000200"));
    assert!(last.caller.starts_with("arn:aws:sts::111122223333:assumed-role/base/"));
}

/// peer-bugs 52.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_is_measured() {
    struct Off(FakeAws);
    impl Clock for Off {
        fn wall(&self) -> SystemTime {
            SystemTime::from(self.0.now()) - Duration::from_secs(7200)
        }
    }
    let aws = world();
    let off = way(&aws, Arc::new(Off(aws.clone())));
    let account = Account::sign_in("12351".to_owned(), &with_role(), off).await.unwrap();
    ask(&account).await.unwrap();
    assert!((7199..=7201).contains(&account.clock_skew_seconds()), "{}", account.clock_skew_seconds());
    for _ in 0..100 {
        ask(&account).await.unwrap();
        sleep(Duration::from_secs(600)).await;
    }
    assert_eq!(aws.calls_with("GetQueueUrl", "ok"), 101, "how long credentials live is not read from a wrong clock");
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_in_a_message() {
    let aws = world();
    let account = account(&aws, &across()).await;
    aws.fail_next("GetQueueUrl", 1, 403, "AccessDenied");
    let refused = ask(&account).await.unwrap_err();
    aws.add_role(BASE, None);
    let role = Role::new(("a", "b"), TARGET, None).unwrap();
    let unable = ask(&account.in_role("x".to_owned(), &role)).await.unwrap_err();
    for error in [&refused, &unable] {
        let mut text = format!("{:?} {error:?} {}", across(), error.chain());
        let mut cause = error.source();
        while let Some(inner) = cause {
            text.push_str(&format!("{inner:?} {inner}"));
            cause = inner.source();
        }
        text.push_str(&chain(error));
        for secret in ["very-secret", "session-"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

/// Ten different mistakes, each told at its key with what belongs there.
#[test]
fn a_combination_that_cannot_be_meant_is_told_at_its_key() {
    let text = |text: &str| Some(text.to_owned());
    let cases = [
        (SignIn { access_secret: None, ..keys() }, "access_key", "stands without `access_secret`"),
        (SignIn { access_key: text("").map(Into::into), ..keys() }, "access_secret", "stands without `access_key`"),
        (
            SignIn { assume_role_external_id: text("our-id"), ..keys() },
            "assume_role_external_id",
            "`target_assume_role`",
        ),
        (
            SignIn { assume_role_external_id: text("our-id"), ..with_role() },
            "assume_role_external_id",
            "`target_assume_role`",
        ),
        (SignIn { base_assume_role: text("quittance"), ..keys() }, "base_assume_role", "arn:aws:iam::"),
        (SignIn { target_assume_role: text("arn:aws:iam::1:role/x"), ..keys() }, "target_assume_role", "arn:aws:iam::"),
        (SignIn { assume_role_external_id: text("a b"), ..across() }, "assume_role_external_id", "2 to 1,224"),
        (
            SignIn { target_assume_role: text("arn:aws-cn:iam::444455556666:role/quittance"), ..across() },
            "target_assume_role",
            "one partition",
        ),
    ];
    for (sign_in, key, part) in cases {
        let error = sign_in.check().unwrap_err();
        assert_eq!(error.key, key, "{error}");
        assert!(error.problem.contains(part), "{error}");
    }
    let blank = SignIn {
        access_key: text("").map(Into::into),
        access_secret: text("").map(Into::into),
        base_assume_role: text(" "),
        target_assume_role: text(""),
        assume_role_external_id: text(""),
    };
    for right in [blank, keys(), with_role(), across(), SignIn { base_assume_role: None, ..across() }] {
        right.check().unwrap();
    }
}

/// A receive is a call like every other: nothing else than the SDK's own clients was used here.
#[tokio::test(start_paused = true)]
async fn a_single_receive_is_answered_over_an_expired_token() {
    let aws = world();
    let account = account(&aws, &with_role()).await;
    let queue = SqsQueue::open(&account, REGION, QUEUE).await.unwrap();
    sleep(Duration::from_secs(120)).await;
    aws.expire_sessions();
    queue.receive(Duration::from_secs(30)).await.unwrap();
    assert_eq!((aws.calls_with("ReceiveMessage", "ExpiredToken"), aws.calls("AssumeRole")), (1, 2));
}
