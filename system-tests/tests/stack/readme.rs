//! The integrator's first ten minutes: every command in that part of README.md, in one shell, on the running stack.

use std::path::Path;
use std::process::Command;

use crate::house::house;

const HEADING: &str = "## The first ten minutes with the API\n";
const SHOP: &str = "shop=http://127.0.0.1:8080\n";

/// What stands between the fences of this part.
fn commands() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let part = readme.split(HEADING).nth(1).unwrap().split("\n## ").next().unwrap();
    part.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap()).collect()
}

#[tokio::test]
async fn every_command_of_an_integrators_first_ten_minutes_works() {
    let house = house();
    let commands = commands();
    assert!(commands.contains(SHOP), "the commands name the place of the shop");
    let script = commands.replace(SHOP, &format!("shop={}\n", house.instance.gateway_url()));
    let run = Command::new("sh").args(["-euxc", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
    for expected in ["\"permissions\":[", "order.confirmed.v1", "event: order", "What to do"] {
        assert!(said.contains(expected), "nothing said {expected}:\n{said}");
    }
}
