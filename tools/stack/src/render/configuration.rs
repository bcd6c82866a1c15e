//! One Dapr Configuration for each service: who may invoke what, which secrets and which of Dapr's own interfaces
//! the service may use, tracing, and the gateway's rate limit.

use std::fmt::Write;

use contracts::App;
use contracts::operation::{Row, owned_by};

use super::FIRST_LINE;
use crate::{kafka, secrets};

/// The Configuration of an app.
pub(super) fn render(app: App) -> String {
    let mut text = String::from(FIRST_LINE);
    let mut put = |part: &str| text.push_str(part);
    put("apiVersion: dapr.io/v1alpha1\nkind: Configuration\n");
    put(&format!("metadata: {{ name: {app} }}\n"));
    put("spec:\n");
    put("  mtls: { enabled: true }\n");
    put(&access_control(app));
    put(&interfaces(app));
    put(&scopes(app));
    if app == App::Gateway {
        put("  # One bucket for each X-Forwarded-For value and path; the gateway sets both.\n");
        put("  httpPipeline:\n    handlers:\n    - { name: ratelimit, type: middleware.http.ratelimit }\n");
    }
    put("  tracing: { samplingRate: \"1\" }\n");
    put("  metrics: { enabled: true, http: { increasedCardinality: false, excludeVerbs: true } }\n");
    put("  # On one machine; Kubernetes resolves names itself.\n");
    put("  nameResolution:\n    component: file\n    version: v1\n    configuration:\n");
    put("      file: \"$NAME_RESOLUTION_FILE\"\n");
    text
}

/// Nothing may be invoked but what the operation table gives a caller, by that caller.
fn access_control(app: App) -> String {
    let mut text = String::from("  accessControl:\n    defaultAction: deny\n    trustDomain: public\n");
    let callers: Vec<App> =
        App::ALL.into_iter().filter(|caller| owned_by(app).any(|row| row.callers.contains(caller))).collect();
    if callers.is_empty() {
        text.push_str("    policies: []\n");
        return text;
    }
    text.push_str("    policies:\n");
    for caller in callers {
        put(&mut text, format_args!("    - appId: {caller}\n      defaultAction: deny\n"));
        put(
            &mut text,
            format_args!("      trustDomain: public\n      namespace: default\n      operations:\n"),
        );
        for Row { name, method, .. } in owned_by(app).filter(|row| row.callers.contains(&caller)) {
            let verb = method.name();
            put(
                &mut text,
                format_args!("      - {{ name: /{name}, httpVerb: [\"{verb}\"], action: allow }}\n"),
            );
        }
    }
    text
}

/// Of Dapr's own interfaces a service may use what it needs: invocation over HTTP, the rest over gRPC.
fn interfaces(app: App) -> String {
    let mut text =
        String::from("  api:\n    allowed:\n    - { name: invoke, version: v1, protocol: http }\n");
    let mut names = vec!["configuration", "secrets"];
    if kafka::uses_events(app) {
        names.push("publish");
    }
    for name in names {
        put(&mut text, format_args!("    - {{ name: {name}, version: v1, protocol: grpc }}\n"));
    }
    text
}

/// The store also holds what only the sidecar itself may use.
fn scopes(app: App) -> String {
    let names: Vec<String> = secrets::readable_by(app).iter().map(|name| format!("\"{name}\"")).collect();
    format!(
        "  secrets:\n    scopes:\n    - {{ storeName: secrets, defaultAccess: deny, allowedSecrets: [{}] }}\n",
        names.join(", ")
    )
}

fn put(text: &mut String, part: std::fmt::Arguments<'_>) {
    text.write_fmt(part).expect("invariant: a string takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::operation::OPERATIONS;

    #[test]
    fn an_operation_is_allowed_to_its_callers_and_nobody_else() {
        for row in OPERATIONS {
            for app in App::ALL {
                let entry = format!("name: /{}, ", row.name);
                let count = access_control(app).matches(&entry).count();
                assert_eq!(
                    count,
                    if app == row.owner { row.callers.len() } else { 0 },
                    "{} at {app}",
                    row.name
                );
            }
        }
    }

    #[test]
    fn every_policy_denies_by_default_and_names_its_trust_domain() {
        for app in App::ALL {
            let text = access_control(app);
            let policies = text.matches("- appId:").count();
            assert_eq!(text.matches("defaultAction: deny").count(), policies + 1);
            assert_eq!(text.matches("trustDomain: public").count(), policies + 1);
            assert_eq!(text.matches("namespace: default").count(), policies);
            assert!(!text.contains("/events") && !text.contains("/dead"));
        }
    }

    #[test]
    fn only_the_gateway_is_rate_limited_by_its_sidecar() {
        for app in App::ALL {
            assert_eq!(render(app).contains("httpPipeline"), app == App::Gateway);
            assert!(!render(app).contains("appHttpPipeline"));
        }
    }
}
