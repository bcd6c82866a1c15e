//! A service's part of the OpenAPI document, gathered where its operations are mounted.

use contracts::operation::{Access, Method, Row};
use contracts::{App, Permission, ProblemType};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, Content, InfoBuilder, OpenApi, OpenApiBuilder, Paths, Ref, RefOr, Required, ResponseBuilder,
};
use utoipa::{IntoParams, ToSchema};

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
            ProblemType::RateLimited,
            ProblemType::Internal,
            ProblemType::Unavailable,
            ProblemType::DeadlineExceeded,
        ];
        if let Access::Permitted(permission) = row.access {
            operation = operation
                .description(Some(format!("Needs the permission `{}`.", Permission::name(permission))))
                .security(SecurityRequirement::new(BEARER, Vec::<String>::new()));
            problems.extend([
                ProblemType::Unauthenticated,
                ProblemType::InvalidToken,
                ProblemType::ExpiredToken,
                ProblemType::Forbidden,
            ]);
        }
        if row.path_parameters().next().is_some() {
            problems.extend([ProblemType::NotFound, ProblemType::ReservedParameter]);
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
            ProblemType::BodyTooLarge,
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

    /// Query parameters beside those of the path.
    pub fn query<T: IntoParams>(mut self) -> Description {
        for parameter in T::into_params(|| Some(ParameterIn::Query)) {
            self.operation = self.operation.parameter(parameter);
        }
        self.problems.push(ProblemType::InvalidCursor);
        self
    }

    /// The `Idempotency-Key` header is needed.
    pub fn idempotent(self) -> Description {
        self.header("Idempotency-Key", Required::True, "Of your choice; the same key gives the same answer.")
            .problems(&[ProblemType::IdempotencyKeyMissing, ProblemType::IdempotencyKeyReused])
    }

    /// The `If-Match` header is needed.
    pub fn conditional(self) -> Description {
        self.header("If-Match", Required::True, "The ETag that you read.")
            .problems(&[ProblemType::PreconditionFailed, ProblemType::PreconditionRequired])
    }

    /// The `If-Match` header is heeded where it is sent.
    pub fn conditional_when_sent(self) -> Description {
        self.header("If-Match", Required::False, "The ETag that you read, if it must still be true.")
            .problems(&[ProblemType::PreconditionFailed])
    }

    /// Refusals of its own.
    pub fn problems(mut self, problems: &[ProblemType]) -> Description {
        self.problems.extend_from_slice(problems);
        self
    }

    fn header(mut self, name: &str, required: Required, description: &str) -> Description {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(required)
            .description(Some(description))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
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
            let names: Vec<_> = same_status.iter().map(|problem| format!("`{}`", problem.name())).collect();
            let content = Content::new(Some(Ref::from_schema_name("Problem")));
            let response = ResponseBuilder::new()
                .description(names.join(", "))
                .content("application/problem+json", content);
            operation = operation.response(same_status[0].status().to_string(), response.build());
        }
        self.components.schemas.extend(schemas);
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

fn http_method(method: Method) -> HttpMethod {
    match method {
        Method::Get => HttpMethod::Get,
        Method::Post => HttpMethod::Post,
        Method::Put => HttpMethod::Put,
        Method::Patch => HttpMethod::Patch,
    }
}

fn path_parameter(name: &str) -> Parameter {
    let mut schema = ObjectBuilder::new().schema_type(Type::String);
    if name.ends_with("_id") {
        schema = schema.format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
    }
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(schema))
        .build()
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

/// Puts the services' documents together.
pub fn merge(title: &str, documents: impl IntoIterator<Item = OpenApi>) -> OpenApi {
    let mut whole = OpenApiBuilder::new()
        .info(InfoBuilder::new().title(title).version(env!("CARGO_PKG_VERSION")).build())
        .build();
    for document in documents {
        for (path, item) in document.paths.paths {
            whole.paths.paths.entry(path).or_default().merge_operations(item);
        }
        let components = whole.components.get_or_insert_with(Components::new);
        let part = document.components.unwrap_or_default();
        components.schemas.extend(part.schemas);
        components.security_schemes.extend(part.security_schemes);
    }
    whole
}
