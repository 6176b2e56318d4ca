//! The operator and its command line.

mod run;

use clap::{Parser, Subcommand};
use sei_planner::platform::Platform;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::RunArgs),
    Crds,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match Cli::parse().command {
        Command::Crds => {
            let crd = sei_planner::api::crd::manifest(&sei_planner::api::crd::seinode())?;
            print!("{}", serde_yaml::to_string(&crd)?);
        }
        Command::Run(args) => {
            let platform = match &args.platform {
                Some(file) => {
                    let lines = Platform::parse_lines(&std::fs::read_to_string(file)?).map_err(|e| format!("{e:?}"))?;
                    Platform::from_map(&lines)?
                }
                None => Platform::demo(),
            };
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(run::run(args, platform))?;
        }
    }
    Ok(())
}
