// Dapr's certificate authority, listening only where it is told to.
//
// Dapr's own cmd/sentry/app reads --healthz-listen-address and
// --metrics-listen-address and then listens on all addresses all the same. This
// program starts the same authority, derived from that package (Apache License
// 2.0, The Dapr Authors), and has no OIDC server, which nobody here asks.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/dapr/dapr/cmd/sentry/options"
	"github.com/dapr/dapr/pkg/buildinfo"
	"github.com/dapr/dapr/pkg/healthz"
	"github.com/dapr/dapr/pkg/metrics"
	"github.com/dapr/dapr/pkg/modes"
	"github.com/dapr/dapr/pkg/sentry"
	"github.com/dapr/dapr/pkg/sentry/config"
	"github.com/dapr/dapr/pkg/sentry/monitoring"
	"github.com/dapr/dapr/utils"
	"github.com/dapr/kit/concurrency"
	"github.com/dapr/kit/fswatcher"
	"github.com/dapr/kit/logger"
	"github.com/dapr/kit/signals"
)

// Files of one change arrive one after another; they count as one within this time.
const settling = 2 * time.Second

var log = logger.NewLogger("dapr.sentry")

func main() {
	opts := options.New(os.Args[1:])
	if err := logger.ApplyOptionsToLoggers(&opts.Logger); err != nil {
		log.Fatal(err)
	}
	log.Infof("Starting Dapr Sentry certificate authority -- version %s -- commit %s", buildinfo.Version(), buildinfo.Commit())
	if err := run(signals.Context(), opts); err != nil {
		log.Fatal(err)
	}
	log.Info("Sentry shut down gracefully")
}

func run(ctx context.Context, opts *options.Options) error {
	if err := opts.Validate(); err != nil {
		return fmt.Errorf("invalid options: %w", err)
	}
	if opts.OIDC.Enabled {
		return errors.New("invalid options: this sentry has no OIDC server")
	}
	if err := utils.SetEnvVariables(map[string]string{utils.KubeConfigVar: opts.Kubeconfig}); err != nil {
		return err
	}
	if err := monitoring.InitMetrics(); err != nil {
		return err
	}
	cfg, err := authority(opts)
	if err != nil {
		return err
	}
	credentials, err := fswatcher.New(fswatcher.Options{Targets: folders(cfg)})
	if err != nil {
		return err
	}
	changed := make(chan struct{})
	return concurrency.NewRunnerManager(
		func(ctx context.Context) error { return credentials.Run(ctx, changed) },
		func(ctx context.Context) error {
			for ctx.Err() == nil {
				if err := serve(ctx, opts, cfg, changed); err != nil {
					return err
				}
			}
			return nil
		},
	).Run(ctx)
}

// authority is what the configuration file says, with the options over it.
func authority(opts *options.Options) (config.Config, error) {
	cfg, err := config.FromConfigName(opts.ConfigName, opts.Mode)
	if err != nil {
		return cfg, err
	}
	cfg.IssuerCertPath = in(opts, opts.X509.IssuerCertFilename)
	cfg.IssuerKeyPath = in(opts, opts.X509.IssuerKeyFilename)
	cfg.RootCertPath = in(opts, opts.X509.RootCAFilename)
	cfg.JWT.Enabled = opts.JWT.Enabled
	cfg.JWT.SigningKeyPath = in(opts, opts.JWT.SigningKeyFilename)
	cfg.JWT.JWKSPath = in(opts, opts.JWT.JWKSFilename)
	cfg.JWT.SigningAlgorithm = opts.JWT.SigningAlgorithm
	cfg.JWT.TTL = opts.JWT.TTL
	if opts.JWT.Issuer != nil {
		cfg.JWT.Issuer = opts.JWT.Issuer
	}
	if opts.JWT.KeyID != nil {
		cfg.JWT.KeyID = opts.JWT.KeyID
	}
	cfg.TrustDomain = opts.TrustDomain
	cfg.Port = opts.Port
	cfg.ListenAddress = opts.ListenAddress
	cfg.Mode = modes.DaprMode(opts.Mode)
	return cfg, nil
}

// in is a file of the credentials' folder, unless it has a folder of its own.
func in(opts *options.Options, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(opts.IssuerCredentialsPath, name)
}

// folders are those whose change means other credentials.
func folders(cfg config.Config) []string {
	var found []string
	for _, path := range []string{
		cfg.IssuerCertPath, cfg.IssuerKeyPath, cfg.RootCertPath, cfg.JWT.SigningKeyPath, cfg.JWT.JWKSPath,
	} {
		if folder := filepath.Dir(path); !slices.Contains(found, folder) {
			found = append(found, folder)
		}
	}
	return found
}

// serve signs until the context ends or the credentials have changed.
func serve(ctx context.Context, opts *options.Options, cfg config.Config, changed <-chan struct{}) error {
	health := healthz.New()
	signer, err := sentry.New(ctx, sentry.Options{Config: cfg, Healthz: health})
	if err != nil {
		return err
	}
	return concurrency.NewRunnerManager(
		answerHealth(opts, health),
		metrics.New(metrics.Options{
			Log:           log,
			Enabled:       opts.Metrics.Enabled(),
			Namespace:     metrics.DefaultMetricNamespace,
			Port:          opts.Metrics.Port(),
			ListenAddress: opts.Metrics.ListenAddress(),
			Healthz:       health,
		}).Start,
		signer.Start,
		func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return nil
			case <-changed:
			}
			monitoring.IssuerCertChanged()
			select {
			case <-ctx.Done():
			case <-time.After(settling):
				log.Warn("Issuer credentials changed; reloading")
			}
			return nil
		},
	).Run(ctx)
}
