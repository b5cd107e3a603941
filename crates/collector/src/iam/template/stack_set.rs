//! A StackSet: the same stack in many accounts and regions.

use serde_json::{Value, json};

use super::{
    super::reading::Reader,
    LARGEST,
    shape::{Parameter, Template, pascal},
};

/// The template whose one StackSet deploys `member` in all accounts that `reader` reads, in all its regions.
pub(super) fn of(input: &str, reader: &Reader, member: &Template, notes: &mut Vec<String>) -> Result<Template, String> {
    let body = member.text();
    if body.len() > LARGEST {
        return Err(format!(
            "the template of one account has {} bytes, and a StackSet takes {LARGEST} inside another template: `--member` prints \
             it, to be put into a bucket and deployed as a StackSet from there",
            body.len()
        ));
    }
    let mut template =
        Template::new(format!("What Quittance's input {input} reads at AWS, in many accounts. To be deployed once."));
    let Some(accounts) = &reader.accounts else { return Ok(template) };
    template.parameters = member.parameters.clone();
    let passed = member.parameters.keys();
    let passed: Vec<Value> =
        passed.map(|name| json!({ "ParameterKey": name, "ParameterValue": format!("${{{name}}}") })).collect();
    let mut properties = json!({
        "StackSetName": format!("quittance-{}", pascal(input)),
        "Description": format!("What Quittance's input {input} reads"),
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "ManagedExecution": { "Active": true },
        "OperationPreferences": { "FailureTolerancePercentage": 100, "MaxConcurrentPercentage": 100 },
        "Parameters": passed,
    });
    let targets = match accounts.organization {
        true => {
            let description = "The organizational units whose accounts are read: ou-..., or r-... for all of them.";
            template.parameters.insert(
                "OrganizationalUnitIds".to_owned(),
                Parameter { kind: "CommaDelimitedList", description: description.to_owned(), ..Parameter::default() },
            );
            notes.push(
                "the StackSet is one of the organization (trusted access for CloudFormation must be enabled), and leaves its \
                 management account out: deploy the template of `--member` there if it is read too"
                    .to_owned(),
            );
            properties["PermissionModel"] = "SERVICE_MANAGED".into();
            properties["AutoDeployment"] = json!({ "Enabled": true, "RetainStacksOnAccountRemoval": false });
            let mut targets = json!({ "OrganizationalUnitIds": "${OrganizationalUnitIds}" });
            if !accounts.except.is_empty() {
                targets["AccountFilterType"] = "DIFFERENCE".into();
                targets["Accounts"] = json!(accounts.except);
            }
            targets
        }
        false => {
            notes.push(
                "the StackSet wants the roles AWSCloudFormationStackSetAdministrationRole in the account that deploys it and \
                 AWSCloudFormationStackSetExecutionRole in each account that is read"
                    .to_owned(),
            );
            properties["PermissionModel"] = "SELF_MANAGED".into();
            json!({ "Accounts": accounts.numbers(&[]) })
        }
    };
    properties["StackInstancesGroup"] = json!([{ "DeploymentTargets": targets, "Regions": reader.regions() }]);
    let resource = template.add_always("Members", "AWS::CloudFormation::StackSet", properties);
    // Its own references are those of the accounts that it is deployed in.
    resource.properties["TemplateBody"] = body.into();
    Ok(template)
}
