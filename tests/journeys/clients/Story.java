import com.fasterxml.jackson.core.JsonProcessingException;
import com.pressroom.client.ApiClient;
import com.pressroom.client.ApiException;
import com.pressroom.client.ApiResponse;
import com.pressroom.client.api.ChangesApi;
import com.pressroom.client.api.CommentsApi;
import com.pressroom.client.api.FeedsApi;
import com.pressroom.client.api.FollowsApi;
import com.pressroom.client.api.LikesApi;
import com.pressroom.client.api.PostsApi;
import com.pressroom.client.api.SuspensionsApi;
import com.pressroom.client.api.TagsApi;
import com.pressroom.client.api.TimelineApi;
import com.pressroom.client.api.TokensApi;
import com.pressroom.client.api.UsersApi;
import com.pressroom.client.model.Comment;
import com.pressroom.client.model.CommentCreate;
import com.pressroom.client.model.CommentPage;
import com.pressroom.client.model.CommentPatch;
import com.pressroom.client.model.FeedItem;
import com.pressroom.client.model.FollowingUser;
import com.pressroom.client.model.IssuedToken;
import com.pressroom.client.model.LikedPost;
import com.pressroom.client.model.Liker;
import com.pressroom.client.model.Post;
import com.pressroom.client.model.PostChanges;
import com.pressroom.client.model.PostCreate;
import com.pressroom.client.model.PostPatch;
import com.pressroom.client.model.PostPut;
import com.pressroom.client.model.PostSummary;
import com.pressroom.client.model.PostSummaryPage;
import com.pressroom.client.model.Problem;
import com.pressroom.client.model.TagSummary;
import com.pressroom.client.model.TokenCreate;
import com.pressroom.client.model.User;
import com.pressroom.client.model.UserCreate;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;

/**
 * A post from creation to deletion, in Java, with the client that openapi-generator makes. openapi/README.md says how to
 * run it.
 */
public class Story {
  private interface Request {
    Object send() throws ApiException;
  }

  /** Returns a client that sends an Authorization, or none. */
  private static ApiClient connect(String url, String authorization) {
    ApiClient client = new ApiClient();
    client.updateBaseUri(url);
    if (authorization != null) {
      client.setRequestInterceptor(request -> request.header("Authorization", authorization));
    }
    return client;
  }

  private static void expect(Object actual, Object expected) {
    if (!Objects.equals(actual, expected)) {
      throw new AssertionError("Expected " + expected + ", got " + actual);
    }
  }

  /** Returns the problem details of the error response to a request. */
  private static Problem problem(int status, Request request) throws JsonProcessingException {
    try {
      request.send();
    } catch (ApiException error) {
      Problem problem = ApiClient.createDefaultObjectMapper().readValue(error.getResponseBody(), Problem.class);
      expect(error.getCode(), status);
      expect(problem.getStatus(), status);
      return problem;
    }
    throw new AssertionError("Expected " + status);
  }

  /** Stores the posts that have changed, null if they are no longer public; returns the token for the next time. */
  private static String follow(ChangesApi feed, String since, Map<Long, PostSummary> copies) throws ApiException {
    PostChanges changes;
    do {
      changes = feed.listPostChanges(since, null, null, null);
      changes.getItems().forEach(change -> copies.put(change.getId(), change.getPost()));
      since = changes.getNextSince();
    } while (changes.getHasMore());
    return since;
  }

  public static void main(String[] arguments) throws ApiException, JsonProcessingException {
    String url = arguments.length > 0 ? arguments[0] : "http://127.0.0.1:8000";
    String username = "ada-" + UUID.randomUUID().toString().substring(0, 8);
    String password = "correct horse battery staple";

    // Register.
    UserCreate registration = new UserCreate().username(username).password(password);
    User user = new UsersApi(connect(url, null)).registerUser(registration);
    expect(user.getPostsUrl(), "/posts?author=" + username);

    // Sign in with the password once; later requests send the token.
    TokenCreate credentials = new TokenCreate().username(username).password(password);
    IssuedToken signedIn = new TokensApi(connect(url, null)).createToken(credentials);
    expect(signedIn.getExpiresAt().isAfter(signedIn.getCreatedAt()), true);
    expect(signedIn.getLastUsedAt(), null);
    ApiClient ada = connect(url, "Bearer " + signedIn.getToken());
    PostsApi posts = new PostsApi(ada);

    // Publish. With an idempotency key, a request can be repeated until there is a response: it creates one post.
    OffsetDateTime published = OffsetDateTime.parse("1843-09-01T00:00:00Z");
    PostCreate note = new PostCreate().title("Note A").body("It *weaves* patterns.").publishedAt(published);
    String key = UUID.randomUUID().toString();
    Post first = posts.publishPost(note, key);
    expect(posts.publishPost(note, key), first);
    expect(first.getPublishedAt().isEqual(published), true);

    // A slug names the post among those of its author; metadata are the client's own.
    List<String> tags = List.of("engines", "日本");
    Map<String, String> metadata = Map.of("cover", "https://example.com/engine.jpg");
    PostCreate numbers = new PostCreate().title("Note G").body("Bernoulli.").slug("note-g").tags(tags);
    numbers.metadata(metadata);
    Post second = posts.publishPost(numbers, null);
    expect(List.of(second.getSlug(), second.getTags(), second.getMetadata()), List.of("note-g", tags, metadata));
    expect(problem(409, () -> posts.publishPost(numbers, null)).getCode(), "slug-taken");

    // List page by page, newest first.
    List<String> titles = new ArrayList<>();
    String cursor = null;
    do {
      PostSummaryPage page = posts.listPosts(1, cursor, null, username, null, null, null);
      page.getItems().forEach(post -> titles.add(post.getTitle()));
      cursor = page.getNextCursor();
    } while (cursor != null);
    expect(titles, List.of("Note G", "Note A"));

    // Search: every word must be in the title or the body, and those in quotation marks must follow each other.
    PostSummaryPage found = posts.listPosts(null, null, "\"weaves patterns\" NOTE", username, null, null, null);
    expect(found.getItems().stream().map(PostSummary::getTitle).toList(), List.of("Note A"));

    // Read a post as HTML that is safe on any page.
    expect(posts.readPost(first.getId(), "html", null).getHtml(), "<p>It <em>weaves</em> patterns.</p>\n");

    // List the tags of published posts, and read what feed readers read.
    List<TagSummary> listed = new TagsApi(ada).listTags(100, null, null).getItems();
    expect(listed.stream().map(TagSummary::getTag).toList().containsAll(tags), true);
    List<FeedItem> items = new FeedsApi(ada).readJSONFeed(username, null, null, null).getItems();
    expect(items.stream().map(FeedItem::getTitle).toList(), List.of("Note G", "Note A"));

    // Follow another user, whose posts are then in the timeline.
    String readerName = "bob-" + UUID.randomUUID().toString().substring(0, 8);
    new UsersApi(connect(url, null)).registerUser(new UserCreate().username(readerName).password(password));
    TokenCreate bobsCredentials = new TokenCreate().username(readerName).password(password);
    IssuedToken bobsToken = new TokensApi(connect(url, null)).createToken(bobsCredentials);
    ApiClient bob = connect(url, "Bearer " + bobsToken.getToken());
    FollowsApi follows = new FollowsApi(bob);
    for (int repetition = 0; repetition < 2; repetition++) { // a repetition changes nothing
      expect(follows.followUserWithHttpInfo(username).getStatusCode(), 204);
    }
    List<FollowingUser> followers = follows.listFollowers(username, null, null, null).getItems();
    expect(followers.stream().map(FollowingUser::getUsername).toList(), List.of(readerName));
    List<PostSummary> timeline = new TimelineApi(bob).readTimeline(null, null, null, null).getItems();
    expect(timeline.stream().map(PostSummary::getTitle).toList(), List.of("Note G", "Note A"));
    Problem oneself = problem(409, () -> new FollowsApi(ada).followUserWithHttpInfo(username));
    expect(oneself.getCode(), "follows-oneself");
    follows.unfollowUser(username);

    // Like a post. It is one like, however often it is sent, and the post stays as it is.
    LikesApi likes = new LikesApi(bob);
    for (int repetition = 0; repetition < 2; repetition++) {
      expect(likes.likePostWithHttpInfo(first.getId()).getStatusCode(), 204);
    }
    expect(likes.readLike(first.getId(), null).getPostId(), first.getId());
    List<Liker> likers = likes.listLikers(first.getId(), null, null, null).getItems();
    expect(likers.stream().map(Liker::getUsername).toList(), List.of(readerName));
    List<LikedPost> liked = likes.listLikedPosts(readerName, null, null, null).getItems();
    expect(liked.stream().map(LikedPost::getTitle).toList(), List.of("Note A"));
    likes.unlikePost(first.getId());
    problem(404, () -> likes.readLike(first.getId(), null));

    // Comment on a post. With an idempotency key, repeating the request creates no second comment.
    CommentsApi comments = new CommentsApi(bob);
    CommentCreate remark = new CommentCreate().body("It *does*.");
    String commentKey = UUID.randomUUID().toString();
    Comment comment = comments.createComment(first.getId(), remark, commentKey);
    expect(comments.createComment(first.getId(), remark, commentKey), comment);
    Comment reply = comments.createComment(first.getId(), new CommentCreate().body("Or does it?"), null);

    // List the comments page by page, oldest first, and read one as HTML.
    List<String> bodies = new ArrayList<>();
    String nextComments = null;
    do {
      CommentPage page = comments.listComments(first.getId(), 1, nextComments, null, null);
      page.getItems().forEach(each -> bodies.add(each.getBody()));
      nextComments = page.getNextCursor();
    } while (nextComments != null);
    expect(bodies, List.of("It *does*.", "Or does it?"));
    expect(comments.readComment(comment.getId(), "html", null).getHtml(), "<p>It <em>does</em>.</p>\n");

    // Revise a comment, but only the version that was read.
    String asWritten = '"' + comment.getRevision() + '"';
    Comment corrected = comments.reviseComment(comment.getId(), asWritten, new CommentPatch().body("It does."));
    expect(corrected.getBody(), "It does.");
    problem(412, () -> comments.reviseComment(comment.getId(), asWritten, new CommentPatch().body("Lost?")));

    // The writer of a comment deletes it, or the author of the post.
    comments.removeComment(comment.getId(), '"' + corrected.getRevision() + '"');
    new CommentsApi(ada).removeComment(reply.getId(), '"' + reply.getRevision() + '"');
    expect(comments.listComments(first.getId(), null, null, null, null).getItems(), List.of());

    // Close a post to new comments.
    PostPatch closing = new PostPatch().comments(PostPatch.CommentsEnum.CLOSED);
    posts.revisePost(second.getId(), '"' + second.getRevision() + '"', closing);
    Problem tooLate = problem(409, () -> comments.createComment(second.getId(), remark, null));
    expect(tooLate.getCode(), "comments-closed");

    // Only admins suspend users.
    Problem forbidden = problem(403, () -> new SuspensionsApi(ada).suspendUserWithHttpInfo(readerName));
    expect(forbidden.getCode(), "forbidden");

    // A token that can only read is enough for a reader or a preview.
    TokenCreate preview = new TokenCreate().username(username).password(password).name("preview");
    preview.scope(TokenCreate.ScopeEnum.READ).expiresInDays(1);
    IssuedToken issued = new TokensApi(connect(url, null)).createToken(preview);
    PostsApi reader = new PostsApi(connect(url, "Bearer " + issued.getToken()));
    expect(reader.readPost(first.getId(), null, null), first);
    expect(problem(403, () -> reader.publishPost(note, null)).getCode(), "insufficient-scope");

    // Read with the header fields: the ETag identifies the version to revise.
    Long id = first.getId();
    ApiResponse<Post> read = posts.readPostWithHttpInfo(id, null, null);
    expect(read.getData(), first);
    String old = read.getHeaders().get("etag").get(0);
    PostPatch changes = new PostPatch().title("Note A, revised");
    ApiResponse<Post> revised = posts.revisePostWithHttpInfo(id, old, changes);
    expect(revised.getData().getTitle(), "Note A, revised");
    expect(revised.getData().getBody(), note.getBody());
    String current = revised.getHeaders().get("etag").get(0);

    // No update is lost: a change of an old version is rejected.
    problem(412, () -> posts.revisePost(id, old, new PostPatch().title("Lost?")));

    // Validation errors name their place, so that a form can show each next to its field.
    Problem invalid = problem(422, () -> posts.revisePost(id, current, new PostPatch().title("")));
    expect(invalid.getErrors().get(0).getPointer(), "#/title");
    expect(invalid.getErrors().get(0).getDetail(), "Length must be between 1 and 200.");

    // Follow the changes: the first requests list all posts, later ones what has changed since.
    ChangesApi feed = new ChangesApi(ada);
    Map<Long, PostSummary> copies = new HashMap<>();
    String since = follow(feed, null, copies);
    expect(copies.get(id).getTitle(), "Note A, revised");

    // Remove the post.
    expect(posts.removePostWithHttpInfo(id, current).getStatusCode(), 204);
    follow(feed, since, copies);
    expect(copies.containsKey(id) && copies.get(id) == null, true);
    problem(404, () -> posts.readPost(id, null, null));

    // Publish a file at a slug. The request creates the post, or else replaces the version that it names.
    PostPut file = new PostPut().title("Note B").body("From a file.").publishedAt(published);
    Post created = posts.putPost(username, "note-b", file, null, "*");
    problem(412, () -> posts.putPost(username, "note-b", file, null, "*"));
    String version = '"' + created.getRevision() + '"';
    expect(posts.putPost(username, "note-b", file, version, null), created);
    file.title("Note B, revised");
    Post replaced = posts.putPost(username, "note-b", file, version, null);
    expect(replaced.getId(), created.getId());
    expect(replaced.getTitle(), "Note B, revised");
    expect(posts.readPostBySlug(username, "note-b", null, null), replaced);
  }
}
