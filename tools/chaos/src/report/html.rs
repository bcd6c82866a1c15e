//! The page: one file that needs nothing else, with what matters first and every order at its end.

use std::fmt::Write;

use super::chart::chart;
use crate::clock::seconds;
use crate::journey::Outcome;
use crate::report::Report;

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;max-width:1240px;margin:2rem auto;padding:0 1rem;color:#1c2330}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%;font-size:13px}\
th,td{text-align:left;padding:.2rem .5rem;border-bottom:1px solid #e3e7ee;vertical-align:top}\
td.n{text-align:right;font-variant-numeric:tabular-nums}.ok{color:#12703a}.bad{color:#b3201f;font-weight:600}\
svg{width:100%;background:#fbfcfe;border:1px solid #e3e7ee}svg text{font:11px system-ui;fill:#667}\
polyline{fill:none;stroke-width:1.6}.taken{stroke:#8aa4c8}.ended{stroke:#1f5fbf}.round{fill:#fde8e4}.fault{fill:#c8452f}\
code{background:#f1f3f7;padding:.1rem .3rem}.key{display:inline-block;width:1.2em;height:.25em;vertical-align:middle}";

pub fn page(report: &Report) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Trial with faults, seed {}</title>\
         <style>{STYLE}</style></head><body>\n",
        report.seed
    );
    summary(&mut page, report);
    put(
        &mut page,
        format_args!(
            "<h2>Orders a second</h2><p><span class=\"key\" style=\"background:#8aa4c8\"></span> taken \
         <span class=\"key\" style=\"background:#1f5fbf\"></span> ended \
         <span class=\"key\" style=\"background:#c8452f\"></span> faults, each on a line of its own; \
         a red ground is a round of them.</p>{}",
            chart(report)
        ),
    );
    checks(&mut page, report);
    rounds(&mut page, report);
    faults(&mut page, report);
    answers(&mut page, report);
    orders(&mut page, report);
    page.push_str("</body></html>\n");
    page
}

fn summary(page: &mut String, report: &Report) {
    let (class, word) =
        if report.passed { ("ok", "Everything held") } else { ("bad", "Something did not hold") };
    let time = |time: Option<u64>| time.map_or_else(|| "never".to_owned(), seconds);
    let (rate, drained) = report.longest();
    let ends: Vec<String> = report.ends().iter().map(|(end, count)| format!("{count} {end}")).collect();
    let kinds: Vec<String> = report.kinds().iter().map(|(kind, count)| format!("{count} × {kind}")).collect();
    put(
        page,
        format_args!(
            "<h1 class=\"{class}\">{word}</h1>\
         <p>{} faults in {} ({}), while {} orders were sent at {} a minute: {}.</p>\
         <p>After the last fault of a round, 95 % of the rate before was back within {} and nothing waited to be \
         published within {}. Everything had settled {} after the end.</p>\
         <p>Began {}. The same faults and orders again: <code>{}</code></p>\n",
            report.faults.len(),
            seconds(report.length),
            kinds.join(", "),
            report.orders.len(),
            report.rate,
            ends.join(", "),
            time(rate),
            time(drained),
            seconds(report.settled_after),
            report.began_at.format("%Y-%m-%d %H:%M:%S UTC"),
            escape(&report.command)
        ),
    );
}

fn checks(page: &mut String, report: &Report) {
    page.push_str("<h2>What must hold</h2><table><tr><th>statement<th>looked at<th>result</tr>\n");
    for check in &report.checks {
        let result = if check.passed() {
            "<span class=\"ok\">holds</span>".to_owned()
        } else {
            let findings: Vec<String> = check.findings.iter().map(|finding| escape(finding)).collect();
            format!("<span class=\"bad\">{} do not</span><br>{}", check.failed, findings.join("<br>"))
        };
        put(
            page,
            format_args!("<tr><td>{}<td class=\"n\">{}<td>{result}</tr>\n", check.name, check.looked_at),
        );
    }
    page.push_str("</table>\n");
}

fn rounds(page: &mut String, report: &Report) {
    page.push_str(
        "<h2>Recovery</h2><table><tr><th>round<th>faults<th>from<th>to<th>orders in 10 s before\
         <th>95 % of the rate back after<th>backlog drained after</tr>\n",
    );
    for (round, span) in report.round_recovery.iter().zip(&report.rounds) {
        put(
            page,
            format_args!(
                "<tr><td>{}<td class=\"n\">{}<td class=\"n\">{} s<td class=\"n\">{} s<td class=\"n\">{}\
             <td class=\"n\">{}<td class=\"n\">{}</tr>\n",
                round.round,
                round.faults,
                span.from.as_secs(),
                span.until.as_secs(),
                round.before,
                maybe(round.rate),
                maybe(round.drained)
            ),
        );
    }
    page.push_str("</table>\n");
}

fn faults(page: &mut String, report: &Report) {
    page.push_str(
        "<h2>Faults</h2><p>A recovery with a star was measured while other faults were at work.</p>\
         <table><tr><th>#<th>what<th>at<th>for<th>rate back after<th>backlog drained after<th></tr>\n",
    );
    for (fault, recovery) in report.faults.iter().zip(&report.recovery) {
        put(
            page,
            format_args!(
                "<tr><td>{}<td>{}<td class=\"n\">{}<td class=\"n\">{}<td class=\"n\">{}{}<td class=\"n\">{}<td>{}</tr>\n",
                fault.planned.number,
                escape(&fault.planned.fault.to_string()),
                seconds(fault.began),
                seconds(fault.ended - fault.began),
                maybe(recovery.rate),
                if recovery.overlapped { " *" } else { "" },
                maybe(recovery.drained),
                escape(fault.trouble.as_deref().unwrap_or_default())
            ),
        );
    }
    page.push_str("</table>\n");
}

fn answers(page: &mut String, report: &Report) {
    put(
        page,
        format_args!(
            "<h2>Answers of the gateway</h2><p>{} requests were sent again.</p>\
             <details><summary>By operation and answer</summary><table>\n",
            report.answers.sent_again
        ),
    );
    for (answer, count) in &report.answers.answers {
        put(page, format_args!("<tr><td>{}<td class=\"n\">{count}</tr>\n", escape(answer)));
    }
    page.push_str("</table></details>\n");
}

fn orders(page: &mut String, report: &Report) {
    put(
        page,
        format_args!(
            "<h2>Orders</h2><details><summary>All {}</summary><table><tr><th>#<th>id<th>card<th>story\
             <th>sent<th>answer<th>end<th>payment<th>steps</tr>\n",
            report.orders.len()
        ),
    );
    for outcome in &report.orders {
        order(page, outcome);
    }
    page.push_str("</table></details>\n");
}

fn order(page: &mut String, outcome: &Outcome) {
    let steps: Vec<String> =
        outcome.steps.iter().map(|step| format!("{}: {}", step.name, escape(&step.answer))).collect();
    let (status, payment) = outcome
        .shown
        .as_ref()
        .map_or(("", ""), |order| (order.status.as_str(), order.payment_status.as_str()));
    let trouble = outcome.trouble.as_deref().map(escape).unwrap_or_default();
    put(
        page,
        format_args!(
            "<tr><td>{}<td>{}<td>{}<td>{:?}<td class=\"n\">{}<td>{}<td>{status}<td>{payment}<td>{}\
             <span class=\"bad\">{trouble}</span></tr>\n",
            outcome.plan.number,
            outcome.id.as_deref().unwrap_or_default(),
            outcome.plan.card,
            outcome.plan.story,
            seconds(outcome.sent),
            escape(&outcome.placing),
            steps.join("<br>")
        ),
    );
}

fn maybe(time: Option<u64>) -> String {
    time.map_or_else(|| "–".to_owned(), seconds)
}

/// Text that cannot be taken for markup.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn put(text: &mut String, part: std::fmt::Arguments<'_>) {
    text.write_fmt(part).expect("invariant: a string takes any text");
}
