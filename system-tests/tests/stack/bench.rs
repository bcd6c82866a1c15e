//! That the benchmark measures what it says; how much it finds is nobody's concern here.

use bench::gateway::{Profile, run};

use crate::house::house;

#[tokio::test]
async fn the_gateways_benchmark_measures_everything_that_it_reports() {
    let house = house();
    let profile = Profile::short();
    let report = run(&house.instance, &profile).await.unwrap();
    for spread in [report.hops.service, report.hops.bare, report.hops.gateway] {
        assert_eq!(spread.count, profile.reads);
    }
    assert_eq!(report.tokens.after.count, profile.token_checks);
    assert!(report.log_ins.done > 0 && report.log_ins.reads.failed == 0, "{report}");
    assert!(report.idle.open > 0 && report.idle.reads.failed == 0, "{report}");
    assert!(report.log_ins.reads.beside.count > 0 && report.idle.reads.beside.count > 0);
}
