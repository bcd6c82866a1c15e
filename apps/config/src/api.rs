//! What administrators ask of the configuration, and what the replicas of all services report.

mod carry_out;
mod changes;
mod files;
mod keys;
mod refusal;
mod replicas;
mod trials;
mod view;

use contracts::configuration::CONFIG_LARGEST_VALUE;
use contracts::{Operation, ProblemType};
use web::{Api, List};

use crate::app::App;

pub use changes::{ChangeConfiguration, CompareQuery, Comparison, HistoryQuery, RollBackConfiguration};
pub use files::ImportConfiguration;
pub use keys::SetConfiguration;
pub use replicas::{EffectiveConfiguration, note_own};
pub use trials::{EndTrial, StartTrial, TrialView, ask_order, end_by_itself, end_if_overtaken};
pub use view::{ChangeView, ChangedConfiguration, ConfigurationView};

/// Mounts every operation of `config`.
pub fn mount(api: Api<App>) -> Api<App> {
    let api = mount_keys(api);
    let api = trials::mount(mount_versions(api));
    api.operation(Operation::ReportConfiguration, replicas::report_configuration, |about| about).operation(
        Operation::ReadEffectiveConfiguration,
        replicas::read_effective_configuration,
        |about| about.answer::<EffectiveConfiguration>(200),
    )
}

fn mount_keys(api: Api<App>) -> Api<App> {
    api.operation(Operation::ListConfiguration, keys::list_configuration, |about| {
        about.answer::<List<ConfigurationView>>(200)
    })
    .operation(Operation::ReadConfiguration, keys::read_configuration, |about| {
        about
            .answer::<ConfigurationView>(200)
            .problems(&[ProblemType::UnknownKey, ProblemType::InvalidKeyName])
    })
    .operation(Operation::SetConfiguration, keys::set_configuration, |about| {
        about.conditional().body::<SetConfiguration>().answer::<ConfigurationView>(200).problems(&[
            ProblemType::UnknownKey,
            ProblemType::InvalidKeyName,
            ProblemType::WrongType,
            ProblemType::ConfigurationOutOfBounds,
            ProblemType::ValueTooLong,
            ProblemType::InvalidScopes,
            ProblemType::ContradictingKeys,
            ProblemType::TrialRunning,
            ProblemType::Conflict,
        ])
    })
    .operation(Operation::ExportConfiguration, files::export_configuration, |about| about.text(200))
}

fn mount_versions(api: Api<App>) -> Api<App> {
    api.operation(Operation::ChangeConfiguration, changes::change_configuration, |about| {
        about.idempotent().body::<ChangeConfiguration>().answer::<ChangedConfiguration>(200).problems(&[
            ProblemType::ConfigurationRefused,
            ProblemType::TrialRunning,
            ProblemType::PreconditionFailed,
        ])
    })
    .operation(Operation::RollBackConfiguration, changes::roll_back_configuration, |about| {
        about.idempotent().body::<RollBackConfiguration>().answer::<ChangedConfiguration>(200).problems(&[
            ProblemType::ConfigurationRefused,
            ProblemType::TrialRunning,
            ProblemType::UnknownVersion,
        ])
    })
    .operation(Operation::ImportConfiguration, files::import_configuration, |about| {
        about
            .idempotent()
            .body::<ImportConfiguration>()
            .answer::<ChangedConfiguration>(200)
            .problems(&[ProblemType::InvalidLines])
    })
    .operation(Operation::ListConfigurationChanges, changes::list_configuration_changes, |about| {
        about.query::<HistoryQuery>().answer::<List<ChangeView>>(200)
    })
    .operation(Operation::CompareConfiguration, changes::compare_configuration, |about| {
        about.query::<CompareQuery>().answer::<Comparison>(200).problems(&[ProblemType::UnknownVersion])
    })
}

/// How many bytes a value may have at present.
fn longest(app: &App) -> u64 {
    app.live.get(&CONFIG_LARGEST_VALUE)
}
