import java.io.FileInputStream;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Reads a topic of Warbler with Kafka's own client and Avro's own library: for ever, or one day of it.
 *
 * <p>usage: EventReader CLIENT_PROPERTIES REGISTRY_URL TOPIC [DAY]; the libraries are those of pom.xml beside this file.
 */
class EventReader {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private final HttpClient http = HttpClient.newHttpClient();
  private final Map<Integer, Schema> schemas = new HashMap<>();
  private final String registry;

  EventReader(String registry) {
    this.registry = registry;
  }

  public static void main(String[] args) throws Exception {
    Properties settings = new Properties();
    try (InputStream file = new FileInputStream(args[0])) {
      settings.load(file);
    }
    // The group has the account's name, which is the last thing in quotes before the password.
    String name = settings.getProperty("sasl.jaas.config").replaceAll(".*username=\"([^\"]*)\".*", "$1");
    settings.putIfAbsent("group.id", name);
    settings.putIfAbsent("auto.offset.reset", "earliest");
    settings.putIfAbsent("enable.auto.commit", "false");
    EventReader reader = new EventReader(args[1]);
    try (KafkaConsumer<String, byte[]> consumer =
        new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer())) {
      if (args.length > 3) {
        reader.oneDay(consumer, args[2], LocalDate.parse(args[3]));
      } else {
        reader.follow(consumer, args[2]);
      }
    } catch (AuthorizationException | AuthenticationException refused) {
      System.err.println("refused: " + refused.getMessage());
      System.exit(1);
    }
  }

  /** Your work. It may be done twice for one record, after a crash: event_id, or the record's place, tells. */
  void handle(ConsumerRecord<String, byte[]> record, GenericRecord event) {
    System.out.println(
        record.timestamp() + "\t" + record.partition() + "\t" + record.key() + "\t" + event.getSchema().getName() + "\t" + event);
  }

  /** The position is kept after the work, never before it. */
  void follow(KafkaConsumer<String, byte[]> consumer, String topic) throws Exception {
    consumer.subscribe(List.of(topic));
    while (true) {
      for (ConsumerRecord<String, byte[]> record : consumer.poll(PATIENCE)) {
        take(record);
      }
      consumer.commitSync();
    }
  }

  /** Between the first record of this day (UTC) and the first of the next, in each partition. */
  void oneDay(KafkaConsumer<String, byte[]> consumer, String topic, LocalDate day) throws Exception {
    for (int number = 0; number < consumer.partitionsFor(topic).size(); number++) {
      TopicPartition place = new TopicPartition(topic, number);
      OffsetAndTimestamp start = firstOf(consumer, place, day);
      if (start == null) {
        continue;
      }
      OffsetAndTimestamp next = firstOf(consumer, place, day.plusDays(1));
      long end = next != null ? next.offset() : consumer.endOffsets(List.of(place)).get(place);
      consumer.assign(List.of(place));
      consumer.seek(place, start.offset());
      while (consumer.position(place) < end) {
        for (ConsumerRecord<String, byte[]> record : consumer.poll(PATIENCE)) {
          if (record.offset() < end) {
            take(record);
          }
        }
      }
    }
  }

  private static OffsetAndTimestamp firstOf(KafkaConsumer<?, ?> consumer, TopicPartition place, LocalDate day) {
    return consumer.offsetsForTimes(Map.of(place, day.atStartOfDay().toInstant(ZoneOffset.UTC).toEpochMilli())).get(place);
  }

  private void take(ConsumerRecord<String, byte[]> record) throws Exception {
    if (record.key() == null) {
      return; // writer_changed: nothing to a reader
    }
    ByteBuffer value = ByteBuffer.wrap(record.value());
    if (value.get() != 0) {
      throw new IllegalStateException("not the wire format: offset " + record.offset());
    }
    Schema schema = schema(value.getInt());
    var decoder = DecoderFactory.get().binaryDecoder(record.value(), value.position(), value.remaining(), null);
    handle(record, new GenericDatumReader<GenericRecord>(schema).read(null, decoder));
  }

  private Schema schema(int id) throws Exception {
    if (!schemas.containsKey(id)) {
      URI where = URI.create(registry + "/schemas/ids/" + id);
      String answer = http.send(HttpRequest.newBuilder(where).build(), HttpResponse.BodyHandlers.ofString()).body();
      schemas.put(id, new Schema.Parser().parse(new ObjectMapper().readTree(answer).get("schema").asText()));
    }
    return schemas.get(id);
  }
}
