import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.regex.Pattern;

/** Java: read a JSON list of patterns and texts, and print 1 for each that matches, else 0. */
class Matches {
  public static void main(String[] arguments) throws Exception {
    for (String[] each : new ObjectMapper().readValue(System.in, String[][].class)) {
      System.out.print(Pattern.compile(each[0]).matcher(each[1]).find() ? "1" : "0");
    }
  }
}
