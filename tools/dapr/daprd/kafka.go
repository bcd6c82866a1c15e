// Kafka with a consumer for each subscription.
//
// The component of components-contrib 1.18.4 shares one consumer among all its subscriptions and
// forgets a topic only after what was in work on the others has ended. The runtime stops all
// subscriptions when its app becomes unhealthy and starts them again when it recovers; where a
// delivery is still being retried meanwhile, the late forgetting hits the new subscription, and the
// topic is never consumed again. Here nothing is shared that a late end could hit.
package main

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/dapr/components-contrib/pubsub"
	"github.com/dapr/components-contrib/pubsub/kafka"
	"github.com/dapr/kit/logger"
)

// While the broker is away, a subscription is tried again this often.
const subscribeAgain = time.Second

type kafkaPubSub struct {
	// Publishes; never subscribes.
	pubsub.PubSub

	log       logger.Logger
	metadata  pubsub.Metadata
	closing   context.Context
	close     context.CancelFunc
	consumers sync.WaitGroup
}

func newKafka(log logger.Logger) pubsub.PubSub {
	closing, cancel := context.WithCancel(context.Background())
	return &kafkaPubSub{PubSub: kafka.NewKafka(log), log: log, closing: closing, close: cancel}
}

func (k *kafkaPubSub) Init(ctx context.Context, metadata pubsub.Metadata) error {
	k.metadata = metadata
	k.metadata.Properties = maps.Clone(metadata.Properties)
	return k.PubSub.Init(ctx, metadata)
}

func (k *kafkaPubSub) BulkPublish(ctx context.Context, req *pubsub.BulkPublishRequest) (pubsub.BulkPublishResponse, error) {
	return k.PubSub.(pubsub.BulkPublisher).BulkPublish(ctx, req)
}

// Subscribe consumes until the context ends.
func (k *kafkaPubSub) Subscribe(ctx context.Context, req pubsub.SubscribeRequest, handler pubsub.Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(k.closing, cancel)
	k.consumers.Add(1)
	go func() {
		defer k.consumers.Done()
		defer cancel()
		for {
			err := k.consume(ctx, req, handler)
			if err == nil {
				return
			}
			k.log.Warnf("cannot subscribe to %s, trying again: %s", req.Topic, err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(subscribeAgain):
			}
		}
	}()
	return nil
}

// consume returns when the context has ended and what was in work has, too.
func (k *kafkaPubSub) consume(ctx context.Context, req pubsub.SubscribeRequest, handler pubsub.Handler) error {
	consumer := kafka.NewKafka(k.log)
	defer func() {
		if err := consumer.Close(); err != nil {
			k.log.Warnf("the consumer of %s did not close well: %s", req.Topic, err)
		}
	}()
	metadata := k.metadata
	metadata.Properties = maps.Clone(k.metadata.Properties)
	if err := consumer.Init(ctx, metadata); err != nil {
		return err
	}
	if err := consumer.Subscribe(ctx, req, handler); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func (k *kafkaPubSub) Close() error {
	k.close()
	k.consumers.Wait()
	return k.PubSub.Close()
}
