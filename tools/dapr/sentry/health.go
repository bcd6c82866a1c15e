// Health, at the address that the options name: Dapr's own server of it knows only a port.
package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/dapr/dapr/cmd/sentry/options"
	"github.com/dapr/dapr/pkg/healthz"
)

const (
	headWithin    = 5 * time.Second
	lastAnswersIn = 2 * time.Second
)

// answerHealth says at /healthz whether everything that has to do with signing is ready.
func answerHealth(opts *options.Options, health healthz.Healthz) func(context.Context) error {
	own := health.AddTarget("healthz-server")
	routes := http.NewServeMux()
	routes.HandleFunc("/healthz", func(answer http.ResponseWriter, _ *http.Request) {
		if health.IsReady() {
			answer.WriteHeader(http.StatusOK)
		} else {
			answer.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	return func(ctx context.Context) error {
		address := net.JoinHostPort(opts.HealthzListenAddress, strconv.Itoa(opts.HealthzPort))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		log.Infof("Healthz server is listening on %s", listener.Addr())
		own.Ready()
		server := &http.Server{Handler: routes, ReadHeaderTimeout: headWithin}
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(listener) }()
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
		}
		own.NotReady()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastAnswersIn)
		defer cancel()
		if err := server.Shutdown(last); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return nil
	}
}
