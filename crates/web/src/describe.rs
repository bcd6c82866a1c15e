//! A service's part of the OpenAPI document, gathered where its operations are mounted.

mod examples;
mod whole;

use contracts::operation::{Access, Method, Row};
use contracts::{App, Permission, ProblemType};
use serde_json::json;
use utoipa::openapi::example::Example;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AllOfBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, Content, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Paths, Ref, RefOr, Required,
    ResponseBuilder,
};
use utoipa::{IntoParams, ToSchema};

pub use whole::whole;

use crate::prefer::LONGEST_WAIT;

/// On an operation: the permission that it needs.
pub const PERMISSION: &str = "x-permission";
/// On an operation: the names of all problems that it can answer.
pub const PROBLEMS: &str = "x-problems";

/// The form of our entity tags.
const ENTITY_TAG: &str = "^\"[0-9]{1,18}\"$";

/// The name under which the bearer token stands in the document.
const BEARER: &str = "bearer";

/// One operation's description while it is put together.
pub struct Description {
    row: &'static Row,
    operation: OperationBuilder,
    problems: Vec<ProblemType>,
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl Description {
    pub(crate) fn of(row: &'static Row) -> Description {
        let mut operation = OperationBuilder::new()
            .operation_id(Some(row.name))
            .summary(Some(row.summary))
            .tag(row.owner.name());
        for name in row.path_parameters() {
            operation = operation.parameter(path_parameter(name));
        }
        let mut problems = vec![
            ProblemType::InvalidParameter,
            ProblemType::BodyTooLarge,
            ProblemType::BodyTooSlow,
            ProblemType::HeadersTooLarge,
            ProblemType::RateLimited,
            ProblemType::Internal,
            ProblemType::Unavailable,
            ProblemType::DeadlineExceeded,
        ];
        if let Access::Permitted(permission) = row.access {
            operation = operation
                .description(Some(format!("Needs the permission `{}`.", Permission::name(permission))))
                .security(SecurityRequirement::new(BEARER, [Permission::name(permission)]));
            problems.extend([
                ProblemType::Unauthenticated,
                ProblemType::InvalidToken,
                ProblemType::ExpiredToken,
                ProblemType::RevokedToken,
                ProblemType::Forbidden,
            ]);
            if permission.of_staff() {
                problems.push(ProblemType::StaffUnavailable);
            }
        }
        if row.path_parameters().next().is_some() {
            problems.extend([
                ProblemType::NotFound,
                ProblemType::ReservedParameter,
                ProblemType::NulCharacter,
            ]);
        }
        Description { row, operation, problems, schemas: Vec::new() }
    }

    /// The request's JSON body.
    pub fn body<T: ToSchema>(mut self) -> Description {
        let content = Content::new(Some(self.reference::<T>()));
        let body =
            RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True));
        self.operation = self.operation.request_body(Some(body.build()));
        self.problems(&[
            ProblemType::MalformedJson,
            ProblemType::UnsupportedMediaType,
            ProblemType::InvalidField,
            ProblemType::UnknownField,
            ProblemType::NulCharacter,
        ])
    }

    /// The answer when all went well.
    pub fn answer<T: ToSchema>(mut self, status: u16) -> Description {
        let content = Content::new(Some(self.reference::<T>()));
        let response =
            ResponseBuilder::new().description(self.row.summary).content("application/json", content);
        self.operation = self.operation.response(status.to_string(), response.build());
        self
    }

    /// The answer when all went well, which is plain text.
    pub fn text(mut self, status: u16) -> Description {
        let content = Content::new(Some(ObjectBuilder::new().schema_type(Type::String)));
        let response = ResponseBuilder::new().description(self.row.summary).content("text/plain", content);
        self.operation = self.operation.response(status.to_string(), response.build());
        self
    }

    /// The answer when all went well, which has no body.
    pub fn done(mut self, status: u16) -> Description {
        let response = ResponseBuilder::new().description(self.row.summary).build();
        self.operation = self.operation.response(status.to_string(), response);
        self
    }

    /// Query parameters beside those of the path.
    pub fn query<T: IntoParams>(mut self) -> Description {
        for parameter in T::into_params(|| Some(ParameterIn::Query)) {
            self.operation = self.operation.parameter(parameter);
        }
        self.problems(&[ProblemType::InvalidCursor, ProblemType::NulCharacter])
    }

    /// The `Idempotency-Key` header is needed.
    pub fn idempotent(self) -> Description {
        let about = "1 to 255 visible ASCII characters of your choice; the same key gives the same answer.";
        self.header_like("Idempotency-Key", Required::True, about, "^[!-~]{1,255}$")
            .problems(&[ProblemType::IdempotencyKeyMissing, ProblemType::IdempotencyKeyReused])
    }

    /// The `If-Match` header is needed.
    pub fn conditional(self) -> Description {
        self.header_like("If-Match", Required::True, "The ETag that you read.", ENTITY_TAG)
            .problems(&[ProblemType::PreconditionFailed, ProblemType::PreconditionRequired])
    }

    /// The `If-Match` header is heeded where it is sent.
    pub fn conditional_when_sent(self) -> Description {
        let about = "The ETag that you read, if it must still be true.";
        self.header_like("If-Match", Required::False, about, ENTITY_TAG)
            .problems(&[ProblemType::PreconditionFailed])
    }

    /// `Prefer: wait` is heeded.
    pub fn waits(self) -> Description {
        let seconds = LONGEST_WAIT.as_secs();
        let about = format!(
            "`wait=<seconds>` holds the answer back until the order has ended, or waits for its customer, and at most \
             so long (up to {seconds}); `Preference-Applied` says that it was heeded."
        );
        self.header("Prefer", Required::False, &about)
    }

    /// The answer is a stream of server-sent events.
    pub fn events(mut self) -> Description {
        let response = ResponseBuilder::new()
            .description(
                "Server-sent events: `entry` for each line of the timeline, with its number as `id`, and `order` for \
                 the order as it then stands. The stream goes on until one side ends it.",
            )
            .content("text/event-stream", Content::new::<RefOr<Schema>>(None));
        self.operation = self.operation.response("200", response.build());
        self.header(
            "Last-Event-ID",
            Required::False,
            "The last `id` that was seen: the stream goes on behind it.",
        )
    }

    /// Refusals of its own.
    pub fn problems(mut self, problems: &[ProblemType]) -> Description {
        self.problems.extend_from_slice(problems);
        self
    }

    fn header(self, name: &str, required: Required, description: &str) -> Description {
        self.header_like(name, required, description, "")
    }

    /// A header of the form that the pattern says, where it says one.
    fn header_like(mut self, name: &str, required: Required, description: &str, form: &str) -> Description {
        let form = Some(form).filter(|form| !form.is_empty());
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(required)
            .description(Some(description))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String).pattern(form)));
        self.operation = self.operation.parameter(parameter.build());
        self
    }

    fn reference<T: ToSchema>(&mut self) -> Ref {
        let name = schema_name::<T>();
        self.schemas.push((name.clone(), T::schema()));
        T::schemas(&mut self.schemas);
        Ref::from_schema_name(name)
    }
}

/// A schema's name in the document; a list is named after what it lists, since each has a schema of its own.
fn schema_name<T: ToSchema>() -> String {
    let name = T::name();
    match std::any::type_name::<T>().split_once('<') {
        None => name.into_owned(),
        Some((_, parameter)) => {
            let listed = parameter.trim_end_matches('>').rsplit("::").next().unwrap_or_default();
            format!("{listed}{name}")
        }
    }
}

/// A service's document while its operations are added.
#[derive(Clone)]
pub(crate) struct Document {
    app: App,
    paths: Paths,
    components: Components,
}

impl Document {
    pub(crate) fn new(app: App) -> Document {
        let mut components = Components::new();
        components.add_security_scheme(BEARER, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        Document { app, paths: Paths::new(), components }
    }

    pub(crate) fn add(&mut self, description: Description) {
        let Description { row, mut operation, mut problems, schemas } = description;
        let Some(path) = row.path else { return };
        problems.sort_by_key(|problem| (problem.status(), problem.name()));
        problems.dedup();
        for same_status in problems.chunk_by(|a, b| a.status() == b.status()) {
            operation = operation.response(same_status[0].status().to_string(), refusal(same_status));
        }
        let mut marks = ExtensionsBuilder::new()
            .add(PROBLEMS, json!(problems.iter().map(|problem| problem.name()).collect::<Vec<_>>()));
        if let Access::Permitted(permission) = row.access {
            marks = marks.add(PERMISSION, Permission::name(permission));
        }
        operation = operation.extensions(Some(marks.build()));
        add_schemas(&mut self.components, schemas)
            .expect("invariant: each type has a name of its own, as every test of an app shows");
        self.paths.add_path_operation(path, vec![http_method(row.method)], operation.build());
    }

    pub(crate) fn finish(mut self) -> OpenApi {
        self.components.schemas.insert("Problem".into(), problem_schema());
        OpenApiBuilder::new()
            .info(InfoBuilder::new().title(self.app.name()).version(env!("CARGO_PKG_VERSION")).build())
            .paths(self.paths)
            .components(Some(self.components))
            .build()
    }
}

/// Adds schemas under their names.
///
/// # Errors
/// When two types have one name: the one would be documented as the other.
fn add_schemas(
    components: &mut Components,
    more: impl IntoIterator<Item = (String, RefOr<Schema>)>,
) -> anyhow::Result<()> {
    for (name, schema) in more {
        if components.schemas.get(&name).is_some_and(|known| *known != schema) {
            anyhow::bail!(
                "two types are documented as {name}: `#[schema(as = …)]` gives one of them another name"
            );
        }
        components.schemas.insert(name, schema);
    }
    Ok(())
}

fn http_method(method: Method) -> HttpMethod {
    match method {
        Method::Get => HttpMethod::Get,
        Method::Post => HttpMethod::Post,
        Method::Put => HttpMethod::Put,
        Method::Patch => HttpMethod::Patch,
        Method::Delete => HttpMethod::Delete,
    }
}

fn path_parameter(name: &str) -> Parameter {
    let mut schema = ObjectBuilder::new().schema_type(Type::String);
    if name.ends_with("_id") {
        schema = schema.format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
    } else if name == "version" {
        schema = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(999_999_999));
    } else {
        // What else stands in a path is a name; the gateway takes no other for a path of ours.
        schema = schema.pattern(Some("^[A-Za-z0-9._~-]{1,128}$"));
    }
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(schema))
        .build()
}

/// The answer with a status: the problems that have it, by name.
fn refusal(problems: &[ProblemType]) -> utoipa::openapi::Response {
    let names: Vec<_> = problems.iter().map(|problem| format!("`{}`", problem.name())).collect();
    let types = problems.iter().map(|problem| format!("/problems/{}", problem.name()));
    let one_of_them = ObjectBuilder::new()
        .property("type", ObjectBuilder::new().schema_type(Type::String).enum_values(Some(types)));
    let schema = AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(one_of_them);
    let examples = problems.iter().map(|problem| {
        let name = problem.name();
        (name, RefOr::<Example>::Ref(Ref::new(format!("#/components/examples/{name}"))))
    });
    let content = ContentBuilder::new()
        .schema(Some(Schema::AllOf(schema.build())))
        .examples_from_iter(examples)
        .build();
    ResponseBuilder::new().description(names.join(", ")).content("application/problem+json", content).build()
}

/// RFC 9457; members of its own stand beside these.
fn problem_schema() -> RefOr<Schema> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    ObjectBuilder::new()
        .property("type", text().description(Some("`/problems/<name>`")))
        .property("title", text())
        .property("status", ObjectBuilder::new().schema_type(Type::Integer))
        .property("detail", text())
        .required("type")
        .required("title")
        .required("status")
        .into()
}
