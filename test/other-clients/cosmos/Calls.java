import com.azure.cosmos.CosmosClient;
import com.azure.cosmos.CosmosClientBuilder;
import com.azure.cosmos.CosmosContainer;
import com.azure.cosmos.CosmosDatabase;
import com.azure.cosmos.CosmosException;
import com.azure.cosmos.models.CosmosBatch;
import com.azure.cosmos.models.CosmosBulkOperations;
import com.azure.cosmos.models.CosmosContainerProperties;
import com.azure.cosmos.models.CosmosItemIdentity;
import com.azure.cosmos.models.CosmosItemRequestOptions;
import com.azure.cosmos.models.CosmosItemResponse;
import com.azure.cosmos.models.CosmosPatchItemRequestOptions;
import com.azure.cosmos.models.CosmosPatchOperations;
import com.azure.cosmos.models.CosmosQueryRequestOptions;
import com.azure.cosmos.models.PartitionKey;
import com.azure.cosmos.models.SqlParameter;
import com.azure.cosmos.models.SqlQuerySpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

/**
 * The calls of an application, with the Java SDK in gateway mode. Run it by infra/tools/record-cosmos-requests.ts, which sets the two
 * variables: java -cp 'jars/*' Calls.java. The artifact is com.azure:azure-cosmos.
 */
public final class Calls {
  private static int passed;
  private static int failed;
  private static final PartitionKey BERLIN = new PartitionKey("berlin");

  /** Runs one call. Prints and counts whether it did what it should. */
  private static <T> T call(String name, Callable<T> work) {
    try {
      T result = work.call();
      passed += 1;
      System.out.println("ok      " + name);
      return result;
    } catch (Throwable error) {
      failed += 1;
      String message = String.valueOf(error.getMessage()).replaceAll("\\s+", " ");
      System.out.println("failed  " + name + ": " + error.getClass().getSimpleName() + " "
          + message.substring(0, Math.min(300, message.length())));
      return null;
    }
  }

  private static <T> T expect(T actual, T expected) {
    if (!Objects.equals(actual, expected)) throw new IllegalStateException(actual + " is not " + expected);
    return actual;
  }

  private static int refused(int status, Callable<?> work) throws Exception {
    try {
      work.call();
    } catch (CosmosException error) {
      return expect(error.getStatusCode(), status);
    } catch (RuntimeException error) {
      // The client wraps an error of its first request.
      if (error.getCause() instanceof CosmosException cause) return expect(cause.getStatusCode(), status);
      throw error;
    }
    throw new IllegalStateException("was not refused");
  }

  private static Map<String, Object> item(String id, String site, int n) {
    return Map.of("id", id, "site", site, "n", n);
  }

  private static <T> List<T> all(Iterable<T> items) {
    return StreamSupport.stream(items.spliterator(), false).collect(Collectors.toList());
  }

  private static CosmosClientBuilder builder(String key) {
    return new CosmosClientBuilder().endpoint(System.getenv("COSMOS_ENDPOINT")).key(key).gatewayMode();
  }

  public static void main(String[] args) {
    // Without it the SDK refuses an endpoint that is not HTTPS.
    System.setProperty("COSMOS.HTTP_CONNECTION_WITHOUT_TLS_ALLOWED", "true");
    CosmosClient client =
        call("create a client", () -> builder(System.getenv("COSMOS_KEY")).contentResponseOnWriteEnabled(true).buildClient());
    call("create a database", () -> client.createDatabaseIfNotExists("clients"));
    call("create it again", () -> client.createDatabaseIfNotExists("clients"));
    CosmosDatabase database = client.getDatabase("clients");
    call("read the database", () -> expect(database.read().getProperties().getId(), "clients"));
    call("list databases", () -> expect(all(client.readAllDatabases()).size(), 1));
    SqlQuerySpec byId =
        new SqlQuerySpec("SELECT * FROM r WHERE r.id = @id", List.of(new SqlParameter("@id", "clients")));
    call("query databases", () -> expect(all(client.queryDatabases(byId, new CosmosQueryRequestOptions())).size(), 1));
    CosmosContainerProperties definition = new CosmosContainerProperties("devices", "/site");
    definition.setDefaultTimeToLiveInSeconds(-1);
    call("create a container", () -> database.createContainerIfNotExists(definition));
    CosmosContainer box = database.getContainer("devices");
    call("read the container", () -> expect(box.read().getProperties().getPartitionKeyDefinition().getPaths(), List.of("/site")));
    call("list containers", () -> expect(all(database.readAllContainers()).size(), 1));
    call("read the ranges", () -> expect(box.getFeedRanges().size(), 1));

    CosmosItemResponse<?> first = call("create an item", () -> box.createItem(item("a", "berlin", 1)));
    call("create it twice", () -> refused(409, () -> box.createItem(item("a", "berlin", 1))));
    call("read the item", () -> expect(box.readItem("a", BERLIN, Map.class).getItem().get("n"), (Object) 1));
    call("read a missing item", () -> refused(404, () -> box.readItem("b", BERLIN, Map.class)));
    CosmosItemResponse<?> second = call("replace the item",
        () -> box.replaceItem(item("a", "berlin", 2), "a", BERLIN, new CosmosItemRequestOptions()));
    call("replace by etag", () -> box.replaceItem(item("a", "berlin", 3), "a", BERLIN,
        new CosmosItemRequestOptions().setIfMatchETag(second.getETag())));
    call("replace by an old etag", () -> refused(412, () -> box.replaceItem(item("a", "berlin", 4), "a", BERLIN,
        new CosmosItemRequestOptions().setIfMatchETag(first.getETag()))));
    call("upsert a new item", () -> box.upsertItem(item("b", "berlin", 10)));
    call("upsert it again", () -> expect(box.upsertItem(item("b", "berlin", 11)).getItem().get("n"), (Object) 11));
    CosmosPatchItemRequestOptions ifEleven = new CosmosPatchItemRequestOptions().setFilterPredicate("FROM c WHERE c.n = 11");
    call("patch an item", () -> expect(
        box.patchItem("b", BERLIN, CosmosPatchOperations.create().increment("/n", 1), ifEleven, Map.class).getItem().get("n"),
        (Object) 12));
    call("patch on a condition that does not hold", () -> refused(412,
        () -> box.patchItem("b", BERLIN, CosmosPatchOperations.create().set("/n", 0), ifEleven, Map.class)));
    call("write without an answer", () -> expect(box.createItem(item("c", "paris", 5), new PartitionKey("paris"),
        new CosmosItemRequestOptions().setContentResponseOnWriteEnabled(false)).getItem(), null));

    SqlQuerySpec above = new SqlQuerySpec("SELECT * FROM c WHERE c.n > @n", List.of(new SqlParameter("@n", 5)));
    CosmosQueryRequestOptions inBerlin = new CosmosQueryRequestOptions().setPartitionKey(BERLIN);
    call("query a partition", () -> expect(all(box.queryItems(above, inBerlin, Map.class)).get(0).get("id"), (Object) "b"));
    CosmosQueryRequestOptions everywhere = new CosmosQueryRequestOptions();
    call("query all partitions", () -> expect(
        new TreeSet<>(all(box.queryItems("SELECT VALUE c.id FROM c WHERE c.n >= 3", everywhere, String.class))),
        new TreeSet<>(List.of("a", "b", "c"))));
    call("query in order", () -> expect(
        all(box.queryItems("SELECT VALUE c.id FROM c ORDER BY c.n DESC", everywhere, String.class)), List.of("b", "c", "a")));
    call("count", () -> expect(all(box.queryItems("SELECT VALUE COUNT(1) FROM c", everywhere, Integer.class)), List.of(3)));
    call("query the first two", () -> expect(all(box.queryItems("SELECT TOP 2 * FROM c", everywhere, Map.class)).size(), 2));
    call("query by pages", () -> {
      List<Integer> sizes = new ArrayList<>();
      box.queryItems("SELECT * FROM c", everywhere, Map.class).iterableByPage(2)
          .forEach(page -> sizes.add(page.getResults().size()));
      return expect(sizes, List.of(2, 1));
    });
    call("query that is not SQL", () -> refused(400, () -> all(box.queryItems("SELEKT", everywhere, Map.class))));
    call("read all items of a partition", () -> expect(all(box.readAllItems(BERLIN, Map.class)).size(), 2));
    call("read many items", () -> expect(box.readMany(List.of(new CosmosItemIdentity(BERLIN, "a"),
        new CosmosItemIdentity(new PartitionKey("paris"), "c")), Map.class).getResults().size(), 2));

    call("a batch", () -> {
      CosmosBatch batch = CosmosBatch.createCosmosBatch(BERLIN);
      batch.createItemOperation(item("d", "berlin", 20));
      batch.replaceItemOperation("a", item("a", "berlin", 21));
      batch.readItemOperation("b");
      batch.patchItemOperation("b", CosmosPatchOperations.create().set("/n", 22));
      batch.deleteItemOperation("d");
      return expect(box.executeCosmosBatch(batch).getResults().stream().map(each -> each.getStatusCode())
          .collect(Collectors.toList()), List.of(201, 200, 200, 200, 204));
    });
    call("a batch that fails", () -> {
      CosmosBatch batch = CosmosBatch.createCosmosBatch(BERLIN);
      batch.upsertItemOperation(item("e", "berlin", 1));
      batch.createItemOperation(item("a", "berlin", 1));
      return expect(box.executeCosmosBatch(batch).getResults().stream().map(each -> each.getStatusCode())
          .collect(Collectors.toList()), List.of(424, 409));
    });
    call("nothing of it was done", () -> refused(404, () -> box.readItem("e", BERLIN, Map.class)));
    call("many items in bulk", () -> expect(all(box.executeBulkOperations(List.of(
        CosmosBulkOperations.getCreateItemOperation(item("f", "berlin", 1), BERLIN),
        CosmosBulkOperations.getCreateItemOperation(item("g", "paris", 1), new PartitionKey("paris"))))).stream()
        .map(each -> each.getResponse().getStatusCode()).collect(Collectors.toList()), List.of(201, 201)));
    call("delete an item", () -> box.deleteItem("c", new PartitionKey("paris"), new CosmosItemRequestOptions()));
    call("delete it again",
        () -> refused(404, () -> box.deleteItem("c", new PartitionKey("paris"), new CosmosItemRequestOptions())));
    call("another key", () -> refused(401, () -> builder("a2V5").buildClient().getDatabase("clients").read()));
    call("delete the container", () -> box.delete());
    call("delete the database", () -> database.delete());

    System.out.println(passed + " of " + (passed + failed) + " calls passed");
    // The client keeps threads.
    System.exit(failed == 0 ? 0 : 1);
  }
}
