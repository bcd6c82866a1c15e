// Tries things with Kafka's own client. Each line of standard input is one of them, its fields separated by tabs:
//   <user, or - for no log-in> <password> <list, write, read, group, create or rights> <topic or group>
// and is answered with a line: `answer allowed`, or `answer` and what was thrown.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public final class Straight {
    /** In milliseconds. Whoever logs in is answered sooner or later; whoever does not waits for nothing. */
    private static final int PATIENCE = 60_000;
    private static final int PATIENCE_FOR_NOTHING = 5_000;
    private static final String LIMIT = "default.api.timeout.ms";

    private static String brokers;

    public static void main(String[] arguments) throws Exception {
        brokers = arguments[0];
        var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (var line = input.readLine(); line != null; line = input.readLine()) {
            var field = line.split("\t");
            System.out.println("answer " + attempt(settings(field[0], field[1]), field[0], field[2], field[3]));
        }
    }

    private static String attempt(Map<String, Object> settings, String user, String act, String name) {
        try {
            switch (act) {
                case "list" -> list(settings);
                case "write" -> write(settings, name);
                case "read" -> read(settings, name);
                case "group" -> group(settings, name);
                case "create" -> create(settings, name);
                case "rights" -> rights(settings, user);
                default -> throw new IllegalArgumentException("cannot do: " + act);
            }
            return "allowed";
        } catch (Exception thrown) {
            var cause = thrown instanceof ExecutionException ? thrown.getCause() : thrown;
            return cause.getClass().getSimpleName();
        }
    }

    private static void list(Map<String, Object> settings) throws Exception {
        try (var admin = Admin.create(settings)) {
            admin.listTopics().names().get();
        }
    }

    private static void write(Map<String, Object> settings, String topic) throws Exception {
        settings.put("max.block.ms", settings.get(LIMIT));
        settings.put("delivery.timeout.ms", settings.get(LIMIT));
        settings.put("linger.ms", 0);
        settings.put("enable.idempotence", false);
        try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            producer.send(new ProducerRecord<>(topic, 0, null, "rogue".getBytes(StandardCharsets.UTF_8))).get();
        }
    }

    private static void read(Map<String, Object> settings, String topic) {
        settings.put("enable.auto.commit", false);
        settings.put("auto.offset.reset", "earliest");
        var patience = Duration.ofMillis((int) settings.get(LIMIT));
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            var partitions = consumer.partitionsFor(topic, patience).stream()
                    .map(partition -> new TopicPartition(topic, partition.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            var deadline = System.nanoTime() + patience.toNanos();
            while (consumer.poll(Duration.ofMillis(200)).isEmpty()) {
                if (System.nanoTime() > deadline) {
                    throw new IllegalStateException("nothing was refused, and nothing came");
                }
            }
        }
    }

    private static void group(Map<String, Object> settings, String group) throws Exception {
        try (var admin = Admin.create(settings)) {
            admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        }
    }

    private static void create(Map<String, Object> settings, String topic) throws Exception {
        try (var admin = Admin.create(settings)) {
            admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
        }
    }

    /** Gives itself everything. */
    private static void rights(Map<String, Object> settings, String user) throws Exception {
        var everything = new AclBinding(
                new ResourcePattern(ResourceType.TOPIC, "*", PatternType.LITERAL),
                new AccessControlEntry("User:" + user, "*", AclOperation.ALL, AclPermissionType.ALLOW));
        try (var admin = Admin.create(settings)) {
            admin.createAcls(Set.of(everything)).all().get();
        }
    }

    private static Map<String, Object> settings(String user, String password) {
        var settings = new HashMap<String, Object>();
        settings.put("bootstrap.servers", brokers);
        var patience = user.equals("-") ? PATIENCE_FOR_NOTHING : PATIENCE;
        settings.put("request.timeout.ms", patience - 1_000);
        settings.put(LIMIT, patience);
        if (!user.equals("-")) {
            settings.put("security.protocol", "SASL_PLAINTEXT");
            settings.put("sasl.mechanism", "SCRAM-SHA-512");
            settings.put("sasl.jaas.config", "org.apache.kafka.common.security.scram.ScramLoginModule required "
                    + "username=\"" + user + "\" password=\"" + password + "\";");
        }
        return settings;
    }
}
