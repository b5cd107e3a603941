//! Where requests go: AWS's own endpoints by partition, with FIPS and dual stack, and a user's own.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::HttpRequest,
    result::ConnectorError,
};
use quittance_aws::{Account, Endpoints, Limiters, SignIn, Way, accounts_of_organization};
use quittance_core::SystemClock;

/// Takes the addresses of requests, and answers none.
#[derive(Clone, Debug, Default)]
struct Addresses(Arc<Mutex<Vec<String>>>);

impl HttpConnector for Addresses {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.0.lock().unwrap().push(request.uri().to_owned());
        HttpConnectorFuture::ready(Err(ConnectorError::user("taken".into())))
    }
}

/// What is asked for a queue, an object, an identity and an organization, in this order.
async fn asked(endpoints: Endpoints, region: &str) -> Vec<String> {
    let addresses = Addresses::default();
    let connector = SharedHttpConnector::new(addresses.clone());
    let way = Way {
        http: http_client_fn(move |_, _| connector.clone()),
        clock: Arc::new(SystemClock),
        endpoints,
        region: region.to_owned(),
        limiters: Limiters::default(),
        call_limits: Vec::new(),
    };
    let text = |text: &str| Some(text.to_owned().into());
    let keys = SignIn { access_key: text("AKIA"), access_secret: text("secret"), ..SignIn::default() };
    let account = Account::sign_in("1".to_owned(), &keys, way).await.unwrap();
    account.sqs(region).turn("GetQueueUrl").await.get_queue_url().queue_name("q").send().await.unwrap_err();
    account.s3(region).turn("GetObject").await.get_object().bucket("logs").key("a").send().await.unwrap_err();
    account.number().await.unwrap_err();
    accounts_of_organization(&account).await.unwrap_err();
    addresses.0.lock().unwrap().clone()
}

#[tokio::test]
async fn each_partition_has_its_own() {
    assert_eq!(
        asked(Endpoints::default(), "eu-west-1").await,
        [
            "https://sqs.eu-west-1.amazonaws.com/",
            "https://logs.s3.eu-west-1.amazonaws.com/a?x-id=GetObject",
            "https://sts.eu-west-1.amazonaws.com/",
            "https://organizations.us-east-1.amazonaws.com/",
        ]
    );
    assert_eq!(
        asked(Endpoints::default(), "cn-north-1").await,
        [
            "https://sqs.cn-north-1.amazonaws.com.cn/",
            "https://logs.s3.cn-north-1.amazonaws.com.cn/a?x-id=GetObject",
            "https://sts.cn-north-1.amazonaws.com.cn/",
            "https://organizations.cn-northwest-1.amazonaws.com.cn/",
        ]
    );
}

#[tokio::test]
async fn fips_and_dual_stack_are_chosen() {
    let fips = asked(Endpoints { fips: true, ..Endpoints::default() }, "us-east-1").await;
    assert_eq!(fips[0], "https://sqs-fips.us-east-1.amazonaws.com/");
    assert_eq!(fips[1], "https://logs.s3-fips.us-east-1.amazonaws.com/a?x-id=GetObject");
    assert_eq!(fips[2], "https://sts-fips.us-east-1.amazonaws.com/");
    let dual = asked(Endpoints { dual_stack: true, ..Endpoints::default() }, "eu-west-1").await;
    assert_eq!(dual[0], "https://sqs.eu-west-1.api.aws/");
    assert_eq!(dual[1], "https://logs.s3.dualstack.eu-west-1.amazonaws.com/a?x-id=GetObject");
}

#[tokio::test]
async fn services_may_have_endpoints_of_the_users_own() {
    let services = [
        ("sqs", "https://vpce-1.sqs.{region}.vpce.amazonaws.com"),
        ("sts", "https://vpce-2.sts.{region}.vpce.amazonaws.com"),
    ];
    let services: BTreeMap<_, _> = services.map(|(name, url)| (name.to_owned(), url.to_owned())).into();
    let some = asked(Endpoints { services: services.clone(), ..Endpoints::default() }, "eu-west-1").await;
    assert_eq!(some[0], "https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com/");
    assert_eq!(some[1], "https://logs.s3.eu-west-1.amazonaws.com/a?x-id=GetObject");
    assert_eq!(some[2], "https://vpce-2.sts.eu-west-1.vpce.amazonaws.com/");
    let all = Some("https://aws.test".to_owned());
    let all = asked(Endpoints { all, services, ..Endpoints::default() }, "eu-west-1").await;
    assert_eq!(all[0], "https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com/");
    assert_eq!(all[1], "https://aws.test/logs/a?x-id=GetObject");
    assert_eq!(all[3], "https://aws.test/");
}
