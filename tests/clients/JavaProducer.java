import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Sends the records of files: ADDRESS (COMPRESSION FILE)..., see the package's __init__.py. */
public class JavaProducer {
    public static void main(String[] arguments) throws Exception {
        for (int at = 1; at < arguments.length; at += 2) {
            send(arguments[0], arguments[at], Path.of(arguments[at + 1]));
        }
    }

    private static void send(String address, String compression, Path file) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", address);
        settings.put("compression.type", compression);
        Pattern pattern = Pattern.compile(
            "\\{\"topic\": \"([^\"]*)\", \"key\": (?:null|\"([^\"]*)\"), \"value\": (?:null|\"([^\"]*)\"), "
                + "\"timestamp\": (\\d+)\\}");
        try (KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (String line : Files.readAllLines(file)) {
                Matcher found = pattern.matcher(line);
                if (!found.matches()) {
                    throw new IllegalArgumentException(line);
                }
                ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(
                    found.group(1), null, Long.valueOf(found.group(4)), raw(found.group(2)), raw(found.group(3)));
                record.headers().add("trace-id", new byte[] {0, -1});
                record.headers().add("empty", new byte[0]);
                producer.send(record, (metadata, error) -> {
                    if (error != null) {
                        throw new RuntimeException(error);
                    }
                });
            }
        }
    }

    private static byte[] raw(String text) {
        return text == null ? null : Base64.getDecoder().decode(text);
    }
}
