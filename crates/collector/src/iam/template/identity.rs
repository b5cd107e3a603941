//! Who reads, and who sends from outside.

use serde_json::{Value, json};

use super::{
    super::{document::Document, policy, policy::Owner, reading::Reader, trust},
    ACCOUNT,
    shape::{Parameter, Template, pascal},
};

/// Adds the role that reads with `document`; a policy to attach where there is no role.
pub(super) fn add(template: &mut Template, reader: &Reader, document: &Document, principal: Option<&str>) {
    let home = home(template, reader);
    let member = reader.accounts.as_ref().map(|accounts| (accounts.role.as_str(), accounts.external_id.as_deref()));
    let own = reader.roles.last().map(|role| (role.arn.as_str(), role.external_id.as_deref()));
    let Some((arn, external_id)) = member.or(own) else {
        add_policy(template, &home, document);
        return;
    };
    let before = match member {
        Some(_) => reader.roles.last(),
        None => reader.roles.len().checked_sub(2).and_then(|index| reader.roles.get(index)),
    };
    let trusted = match (before, principal) {
        (Some(role), _) => role.arn.clone(),
        (None, Some(principal)) => principal.to_owned(),
        (None, None) if member.is_none() && reader.base => {
            "arn:${AWS::Partition}:iam::${AWS::AccountId}:root".to_owned()
        }
        (None, None) => {
            template.parameters.insert(
                "TrustedPrincipal".to_owned(),
                Parameter {
                    kind: "String",
                    description: "The ARN of the user or role that the collector signs in with.".to_owned(),
                    allowed_pattern: Some("^arn:aws[a-z-]*:iam::[0-9]{12}:(root|(user|role)/.+)$"),
                    ..Parameter::default()
                },
            );
            "${TrustedPrincipal}".to_owned()
        }
    };
    let ask = "Whether the role is made that the collector reads with. Say false if it exists, and give it the policy of \
               `quittance iam policy`.";
    let wanted = template.choice("MakeRole", ask, true);
    let condition = template.all_of(&[&home, &wanted]);
    let resource = arn.rsplit(":role/").next().unwrap_or_default();
    let (path, name) =
        resource.rsplit_once('/').map_or(("/".to_owned(), resource), |(path, name)| (format!("/{path}/"), name));
    let properties = json!({
        "RoleName": name,
        "Path": path,
        "Description": "Read by Quittance",
        "AssumeRolePolicyDocument": trust::trusting(&trusted, external_id).to_json(),
        "Policies": [{ "PolicyName": "quittance", "PolicyDocument": document.to_json() }],
    });
    template.add("CollectorRole", &condition, "AWS::IAM::Role", properties);
    template.tell(
        "CollectorRoleArn",
        &condition,
        "The role that the collector reads with".to_owned(),
        "${CollectorRole.Arn}",
    );
}

fn add_policy(template: &mut Template, home: &str, document: &Document) {
    let mut attached = |parameter: &str, what: &str| {
        let description =
            format!("The {what} that the collector signs in with, to attach the policy to. Empty for none.");
        let parameters = &mut template.parameters;
        let (kind, default) = ("String", Some(String::new()));
        parameters.insert(parameter.to_owned(), Parameter { kind, description, default, ..Parameter::default() });
        let named = json!({ "Fn::Not": [{ "Fn::Equals": [{ "Ref": parameter }, ""] }] });
        let named = template.condition(&format!("Has{parameter}"), named);
        json!({ "Fn::If": [named, [{ "Ref": parameter }], { "Ref": "AWS::NoValue" }] })
    };
    let (users, roles) =
        (attached("CollectorUser", "name of the IAM user"), attached("CollectorRole", "name of the role"));
    let properties = json!({
        "Description": "What Quittance reads",
        "PolicyDocument": document.to_json(),
        "Users": users,
        "Roles": roles,
    });
    template.add("CollectorPolicy", home, "AWS::IAM::ManagedPolicy", properties);
    let description = "The policy of who reads".to_owned();
    template.tell("CollectorPolicyArn", home, description, "${CollectorPolicy}");
}

/// Adds a user for each program that sends to a queue, who may do nothing else. Its key is made by hand, so that no template or
/// output holds a secret.
pub(super) fn add_senders(template: &mut Template, reader: &Reader) {
    let mut programs: Vec<&'static str> = reader.programs().into_iter().map(|(name, _)| name).collect();
    programs.dedup();
    for name in programs {
        let sources =
            || reader.programs().into_iter().filter(move |(other, _)| *other == name).map(|(_, source)| source);
        let home = home(template, reader);
        let document = policy::to_send(sources(), Owner(Some(ACCOUNT)));
        let ask = format!("Whether a user for {name} is made, who may send to its queue and do nothing else.");
        let id = format!("{}User", pascal(name));
        let wanted = template.choice(&format!("Make{id}"), &ask, true);
        let condition = template.all_of(&[&home, &wanted]);
        let policies: Vec<Value> = vec![json!({ "PolicyName": "send", "PolicyDocument": document.to_json() })];
        template.add(&id, &condition, "AWS::IAM::User", json!({ "Policies": policies }));
        let description = format!("The user whose access key {name} gets (aws iam create-access-key)");
        template.tell(&format!("{id}Name"), &condition, description, &format!("${{{id}}}"));
    }
}

/// The condition that the stack is in the region that holds what an account has once.
fn home(template: &mut Template, reader: &Reader) -> String {
    template.in_regions(std::slice::from_ref(&reader.home))
}
