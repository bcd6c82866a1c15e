// Brings Kafka's users, topics and access-control entries into the state that standard input describes, in one
// Java process. Fields are separated by tabs:
//   user <name> <password>
//   topic <name> <partitions> <retention in ms>
//   allow <user> <topic or group> <name> <operation>
// Entries that are not described are removed; topics are never removed, nor their partitions. A user that is not
// described, but for the administrator, gets a password that nobody has. It is not deleted: a broker of 4.3.1 that
// reads a deletion from its log when it starts may forget every user (ScramDelta.apply drops the mechanism when the
// first change that it looks at is a deletion).

import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialAlteration;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

public final class Provision {
    private static final int ITERATIONS = 4096;
    private static final String ADMINISTRATOR = "admin";

    public static void main(String[] arguments) throws Exception {
        var properties = new Properties();
        try (var file = new FileInputStream(arguments[0])) {
            properties.load(file);
        }
        var users = new ArrayList<UserScramCredentialAlteration>();
        var names = new HashSet<String>();
        var topics = new HashMap<String, NewTopic>();
        var allowed = new HashSet<AclBinding>();
        var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (var line = input.readLine(); line != null; line = input.readLine()) {
            var field = line.split("\t");
            switch (field[0]) {
                case "user" -> {
                    names.add(field[1]);
                    users.add(user(field[1], field[2]));
                }
                case "topic" -> topics.put(field[1], new NewTopic(field[1], Integer.parseInt(field[2]), (short) 1)
                        .configs(Map.of("retention.ms", field[3])));
                case "allow" -> allowed.add(binding(field[1], field[2], field[3], field[4]));
                default -> throw new IllegalArgumentException("cannot read: " + field[0]);
            }
        }
        try (var admin = Admin.create(properties)) {
            for (var known : admin.describeUserScramCredentials().all().get().keySet()) {
                if (!names.contains(known) && !known.equals(ADMINISTRATOR)) {
                    users.add(user(known, nobodysPassword()));
                }
            }
            admin.alterUserScramCredentials(users).all().get();
            makeTopics(admin, topics);
            allow(admin, allowed);
        }
    }

    private static UserScramCredentialAlteration user(String name, String password) {
        return new UserScramCredentialUpsertion(
                name, new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS), password);
    }

    private static String nobodysPassword() {
        var bytes = new byte[24];
        new SecureRandom().nextBytes(bytes);
        return Base64.getUrlEncoder().encodeToString(bytes);
    }

    private static AclBinding binding(String user, String kind, String name, String operation) {
        var type = ResourceType.valueOf(kind.toUpperCase());
        return new AclBinding(
                new ResourcePattern(type, name, PatternType.LITERAL),
                new AccessControlEntry(
                        "User:" + user, "*", AclOperation.valueOf(operation.toUpperCase()), AclPermissionType.ALLOW));
    }

    private static void makeTopics(Admin admin, Map<String, NewTopic> topics) throws Exception {
        var existing = admin.listTopics().names().get();
        var missing = topics.values().stream().filter(topic -> !existing.contains(topic.name())).toList();
        admin.createTopics(missing).all().get();
        var present = topics.keySet().stream().filter(existing::contains).toList();
        var growing = new HashMap<String, NewPartitions>();
        for (var described : admin.describeTopics(present).allTopicNames().get().values()) {
            var wanted = topics.get(described.name()).numPartitions();
            if (described.partitions().size() < wanted) {
                growing.put(described.name(), NewPartitions.increaseTo(wanted));
            }
        }
        admin.createPartitions(growing).all().get();
        var configs = new HashMap<ConfigResource, java.util.Collection<AlterConfigOp>>();
        for (var name : present) {
            var retention = new ConfigEntry("retention.ms", topics.get(name).configs().get("retention.ms"));
            configs.put(
                    new ConfigResource(ConfigResource.Type.TOPIC, name),
                    List.of(new AlterConfigOp(retention, AlterConfigOp.OpType.SET)));
        }
        admin.incrementalAlterConfigs(configs).all().get();
    }

    private static void allow(Admin admin, Set<AclBinding> allowed) throws Exception {
        var present = new HashSet<>(admin.describeAcls(AclBindingFilter.ANY).values().get());
        admin.createAcls(allowed.stream().filter(binding -> !present.contains(binding)).toList()).all().get();
        var surplus = present.stream().filter(binding -> !allowed.contains(binding)).map(AclBinding::toFilter).toList();
        admin.deleteAcls(surplus).all().get();
    }
}
