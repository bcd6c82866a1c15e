// Everything that this sidecar can be configured with. A component that is not
// listed here is unknown to it, whatever its resource files say.
package main

import (
	"context"

	postgresql "github.com/dapr/components-contrib/configuration/postgres"
	contribMiddleware "github.com/dapr/components-contrib/middleware"
	"github.com/dapr/components-contrib/middleware/http/ratelimit"
	"github.com/dapr/components-contrib/middleware/http/routeralias"
	kubernetesNames "github.com/dapr/components-contrib/nameresolution/kubernetes"
	"github.com/dapr/components-contrib/nameresolution/mdns"
	inmemory "github.com/dapr/components-contrib/pubsub/in-memory"
	kubernetesSecrets "github.com/dapr/components-contrib/secretstores/kubernetes"
	"github.com/dapr/components-contrib/secretstores/local/env"
	"github.com/dapr/components-contrib/secretstores/local/file"
	"github.com/dapr/dapr/pkg/components/bindings"
	"github.com/dapr/dapr/pkg/components/configuration"
	"github.com/dapr/dapr/pkg/components/conversation"
	"github.com/dapr/dapr/pkg/components/crypto"
	"github.com/dapr/dapr/pkg/components/lock"
	httpMiddleware "github.com/dapr/dapr/pkg/components/middleware/http"
	"github.com/dapr/dapr/pkg/components/nameresolution"
	"github.com/dapr/dapr/pkg/components/pubsub"
	"github.com/dapr/dapr/pkg/components/secretstores"
	"github.com/dapr/dapr/pkg/components/state"
	"github.com/dapr/dapr/pkg/middleware"
	"github.com/dapr/dapr/pkg/runtime/registry"
	"github.com/dapr/kit/logger"
)

// components returns the registries, with the kinds that we do not use empty:
// the runtime asks each of them, so none may be missing.
func components() *registry.Options {
	contrib := logger.NewLogger("dapr.contrib")
	secretstores.DefaultRegistry.Logger = contrib
	state.DefaultRegistry.Logger = contrib
	crypto.DefaultRegistry.Logger = contrib
	configuration.DefaultRegistry.Logger = contrib
	lock.DefaultRegistry.Logger = contrib
	pubsub.DefaultRegistry.Logger = contrib
	nameresolution.DefaultRegistry.Logger = contrib
	bindings.DefaultRegistry.Logger = contrib
	conversation.DefaultRegistry.Logger = contrib
	httpMiddleware.DefaultRegistry.Logger = log

	pubsub.DefaultRegistry.RegisterComponent(newKafka, "kafka")
	pubsub.DefaultRegistry.RegisterComponent(inmemory.New, "in-memory")

	configuration.DefaultRegistry.RegisterComponent(postgresql.NewPostgresConfigurationStore, "postgresql")

	secretstores.DefaultRegistry.RegisterComponent(file.NewLocalSecretStore, "local.file")
	secretstores.DefaultRegistry.RegisterComponent(env.NewEnvSecretStore, "local.env")
	secretstores.DefaultRegistry.RegisterComponent(kubernetesSecrets.NewKubernetesSecretStore, "kubernetes")

	nameresolution.DefaultRegistry.RegisterComponent(newNamesFile, "file")
	nameresolution.DefaultRegistry.RegisterComponent(kubernetesNames.NewResolver, "kubernetes")
	nameresolution.DefaultRegistry.RegisterComponent(mdns.NewResolver, "mdns")

	httpMiddleware.DefaultRegistry.RegisterComponent(rateLimit, "ratelimit")
	httpMiddleware.DefaultRegistry.RegisterComponent(routerAlias, "routeralias")

	return registry.NewOptions().
		WithSecretStores(secretstores.DefaultRegistry).
		WithStateStores(state.DefaultRegistry).
		WithConfigurations(configuration.DefaultRegistry).
		WithLocks(lock.DefaultRegistry).
		WithPubSubs(pubsub.DefaultRegistry).
		WithNameResolutions(nameresolution.DefaultRegistry).
		WithBindings(bindings.DefaultRegistry).
		WithCryptoProviders(crypto.DefaultRegistry).
		WithHTTPMiddlewares(httpMiddleware.DefaultRegistry).
		WithConversations(conversation.DefaultRegistry)
}

func rateLimit(log logger.Logger) httpMiddleware.FactoryMethod {
	return func(metadata contribMiddleware.Metadata) (middleware.HTTP, error) {
		return ratelimit.NewRateLimitMiddleware(log).GetHandler(context.TODO(), metadata)
	}
}

func routerAlias(log logger.Logger) httpMiddleware.FactoryMethod {
	return func(metadata contribMiddleware.Metadata) (middleware.HTTP, error) {
		return routeralias.NewMiddleware(log).GetHandler(context.TODO(), metadata)
	}
}
