//! `quittance iam`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use quittance_collector::{
    Config,
    iam::{self, PolicyOptions, TemplateOptions, Written},
};

use crate::{documents, output::print};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// The policy of who reads: the least that the collector's calls need.
    Policy {
        #[command(flatten)]
        of: Of,
        /// The number of the account that is read, where no role says it.
        #[arg(long, value_name = "NUMBER")]
        account: Option<String>,
        /// Everyone's policies, in one object by name: of who assumes roles, of each account's role, of Voiso.
        #[arg(long)]
        all: bool,
    },
    /// The trust policies of the roles that are assumed: one, or an object of several by their ARNs.
    Trust {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        signs_in: SignsIn,
    },
    /// A template of CloudFormation with queues, rules, buckets, a trail, flow logs and the role; of a StackSet if many accounts
    /// are read.
    Cloudformation {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        signs_in: SignsIn,
        /// For many accounts: the template of one of them, for a StackSet of your own.
        #[arg(long)]
        member: bool,
        /// Buckets announce their objects through topics of SNS, which others may subscribe to.
        #[arg(long)]
        topics: bool,
    },
}

#[derive(Args)]
pub(crate) struct Of {
    #[command(flatten)]
    documents: documents::Options,
    /// The input; may be left out where there is one.
    #[arg(long, value_name = "NAME")]
    input: Option<String>,
}

#[derive(Args)]
pub(crate) struct SignsIn {
    /// Who signs in first: the ARN of a user or role, an account's number, or a service as in `ec2.amazonaws.com`.
    #[arg(long, value_name = "ARN")]
    principal: Option<String>,
}

/// Prints JSON; what a person should know of it goes to standard error.
pub(crate) fn run(command: Command) -> Result<ExitCode> {
    let Written { json, notes } = match command {
        Command::Policy { of: Of { documents, input }, account, all } => {
            iam::policy(&Config::load(documents)?, &PolicyOptions { input, account, all })?
        }
        Command::Trust { of: Of { documents, input }, signs_in } => {
            iam::trust(&Config::load(documents)?, input.as_deref(), signs_in.principal.as_deref())?
        }
        Command::Cloudformation { of: Of { documents, input }, signs_in, member, topics } => {
            let options = TemplateOptions { input, principal: signs_in.principal, member, topics };
            iam::template(&Config::load(documents)?, &options)?
        }
    };
    for note in notes {
        eprintln!("note: {note}");
    }
    print(&format!("{json:#}\n"))?;
    Ok(ExitCode::SUCCESS)
}
