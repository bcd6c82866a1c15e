//! Logs as JSON lines, traces to OTLP where an endpoint is set, metrics for Prometheus.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How often what was measured is put into its buckets; until then each single value is kept.
const UPKEEP: Duration = Duration::from_secs(5);

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// What telemetry needs to know; each app's `config` room reads it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The log field `app` and the traces' service name.
    pub app: contracts::App,
    /// Where spans go, e.g. `http://127.0.0.1:4317`; none keeps them in the process.
    pub otlp_endpoint: Option<String>,
    /// As in `RUST_LOG`; `info` when empty.
    pub filter: String,
}

/// Keeps the exporter; dropping it sends what is left.
#[derive(Debug)]
pub struct Telemetry(SdkTracerProvider);

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(error = %error, "the last spans could not be sent");
        }
    }
}

/// Sets up logs, traces and metrics for the process, within its runtime.
///
/// # Errors
/// When the filter cannot be read, the exporter cannot be made, or it was called before.
pub fn init(settings: &Settings) -> anyhow::Result<Telemetry> {
    let filter = if settings.filter.is_empty() { "info" } else { settings.filter.as_str() };
    let filter = EnvFilter::try_new(filter).context("RUST_LOG cannot be read")?;

    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let resource = Resource::builder().with_service_name(settings.app.name()).build();
    // Where nobody takes the spans, none is recorded here or, by the flag passed on, in any sidecar; ids still go on.
    let root = if settings.otlp_endpoint.is_some() { Sampler::AlwaysOn } else { Sampler::AlwaysOff };
    let mut provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(Sampler::ParentBased(Box::new(root)));
    if let Some(endpoint) = &settings.otlp_endpoint {
        let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
        provider = provider.with_batch_exporter(exporter);
    }
    let provider = provider.build();

    let logs = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false);
    let traces = tracing_opentelemetry::layer().with_tracer(provider.tracer(settings.app.name()));
    tracing_subscriber::registry().with(filter).with(logs).with(traces).try_init()?;

    let buckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &buckets)?
        .add_global_label("app", settings.app.name())
        .install_recorder()?;
    tokio::spawn(upkeep(handle.clone()));
    METRICS.set(handle).map_err(|_| anyhow::anyhow!("telemetry was set up twice"))?;
    Ok(Telemetry(provider))
}

async fn upkeep(handle: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        handle.run_upkeep();
    }
}

/// Everything measured so far, in Prometheus' text format; empty before [`init`].
pub fn render_metrics() -> String {
    METRICS.get().map(PrometheusHandle::render).unwrap_or_default()
}
