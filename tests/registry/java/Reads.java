import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;

/** Of each line {"reader", "writer"} on standard input says in a line of its own whether Avro's own library finds them compatible. */
class Reads {
  public static void main(String[] args) throws Exception {
    ObjectMapper json = new ObjectMapper();
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      JsonNode pair = json.readTree(line);
      System.out.println(said(pair.get("reader").toString(), pair.get("writer").toString()));
    }
  }

  static String said(String reader, String writer) {
    Schema ours;
    Schema theirs;
    try {
      ours = new Schema.Parser().parse(reader);
      theirs = new Schema.Parser().parse(writer);
    } catch (RuntimeException invalid) {
      return "INVALID " + invalid.getClass().getSimpleName() + " " + String.valueOf(invalid.getMessage()).replaceAll("\\s+", " ");
    }
    SchemaCompatibility.SchemaCompatibilityResult result;
    try {
      result = SchemaCompatibility.checkReaderWriterCompatibility(ours, theirs).getResult();
    } catch (RuntimeException ambiguous) {
      return "INCOMPATIBLE " + ambiguous.getClass().getSimpleName();
    }
    if (result.getCompatibility() == SchemaCompatibility.SchemaCompatibilityType.COMPATIBLE) {
      return "COMPATIBLE";
    }
    StringBuilder kinds = new StringBuilder("INCOMPATIBLE");
    result.getIncompatibilities().forEach(each -> kinds.append(' ').append(each.getType()).append('@').append(each.getLocation()));
    return kinds.toString();
  }
}
