import java.util.List;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.avro.AvroSchema;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.CachedSchemaRegistryClient;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.exceptions.RestClientException;

/** Confluent's own Java client against the registry of the first argument; each line of output is one finding. */
class Talks {
  public static void main(String[] args) throws Exception {
    CachedSchemaRegistryClient client = new CachedSchemaRegistryClient(args[0], 100);
    String subject = args[1];
    String ours = args[2];
    AvroSchema one = new AvroSchema(order("\"long\""));
    AvroSchema incompatible = new AvroSchema(order("\"string\""));
    int id = client.register(subject, one);
    System.out.println("registered again " + (new CachedSchemaRegistryClient(args[0], 100).register(subject, one) == id));
    System.out.println("by id " + new CachedSchemaRegistryClient(args[0], 100).getSchemaById(id).canonicalString().equals(one.canonicalString()));
    System.out.println("version " + client.getVersion(subject, one));
    System.out.println("latest " + (client.getLatestSchemaMetadata(subject).getId() == id));
    System.out.println("compatible " + client.testCompatibility(subject, incompatible));
    System.out.println("why " + !client.testCompatibilityVerbose(subject, incompatible).isEmpty());
    System.out.println("refused " + refused(client, subject, incompatible));
    System.out.println("set " + client.updateCompatibility(subject, "NONE") + " " + client.getCompatibility(subject));
    System.out.println("versions " + client.getAllVersions(subject));
    System.out.println("listed " + client.getAllSubjects().containsAll(List.of(subject, ours)));
    System.out.println("ours " + client.getMode(ours) + " " + refused(client, ours, one));
    System.out.println("deleted " + client.deleteSubject(subject));
  }

  static String order(String type) {
    return "{\"type\":\"record\",\"name\":\"order\",\"fields\":[{\"name\":\"price\",\"type\":" + type + "}]}";
  }

  static String refused(CachedSchemaRegistryClient client, String subject, AvroSchema schema) throws Exception {
    try {
      return "taken as " + client.register(subject, schema);
    } catch (RestClientException refusal) {
      return refusal.getStatus() + " " + refusal.getErrorCode();
    }
  }
}
