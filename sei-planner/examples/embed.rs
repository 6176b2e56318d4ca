//! What would happen to a node: the planner in another program. `cargo run -p sei-planner --example embed -- node.json`
#![allow(clippy::disallowed_methods, reason = "a program may read files; the planner may not")]

use std::{env, error::Error, fs};

use sei_planner::{Observed, Platform, SeiNode, Time, plan_node, render_node};

fn main() -> Result<(), Box<dyn Error>> {
    let file = env::args().nth(1).ok_or("usage: embed FILE, a SeiNode as JSON")?;
    let node: SeiNode = serde_json::from_str(&fs::read_to_string(file)?)?;
    let platform = Platform::demo();
    let now = Time::at(jiff::Timestamp::UNIX_EPOCH);

    let planned = plan_node(&node, &platform, &Observed::default(), now, "00000000-0000-4000-8000-000000000000");
    println!("{:?}, because {:?}", planned.outcome, planned.why);
    for task in planned.plan.iter().flat_map(|plan| &plan.tasks) {
        println!("  {}", task.kind);
    }
    for object in render_node(&node, &platform).unwrap_or_default() {
        println!("{}", serde_json::to_string_pretty(&object)?);
    }
    for problem in planned.problems {
        println!("{} {}: {}", problem.code, problem.field, problem.message);
    }
    Ok(())
}
