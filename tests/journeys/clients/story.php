<?php
/**
 * A post from creation to deletion, in PHP, with the client that openapi-generator makes.
 * openapi/README.md says how to run it.
 */

declare(strict_types=1);

use GuzzleHttp\Client;
use Pressroom\Api\ChangesApi;
use Pressroom\Api\CommentsApi;
use Pressroom\Api\FeedsApi;
use Pressroom\Api\FollowsApi;
use Pressroom\Api\LikesApi;
use Pressroom\Api\PostsApi;
use Pressroom\Api\SuspensionsApi;
use Pressroom\Api\TagsApi;
use Pressroom\Api\TimelineApi;
use Pressroom\Api\TokensApi;
use Pressroom\Api\UsersApi;
use Pressroom\ApiException;
use Pressroom\Configuration;
use Pressroom\Model\CommentCreate;
use Pressroom\Model\CommentPatch;
use Pressroom\Model\PostCreate;
use Pressroom\Model\PostPatch;
use Pressroom\Model\PostPut;
use Pressroom\Model\Problem;
use Pressroom\Model\TokenCreate;
use Pressroom\Model\UserCreate;

require 'GuzzleHttp/autoload.php'; // Debian's php-guzzlehttp-guzzle
spl_autoload_register(function (string $class): void {
    $file = __DIR__ . '/pressroom/lib/' . str_replace(['Pressroom\\', '\\'], ['', '/'], $class) . '.php';
    if (str_starts_with($class, 'Pressroom\\') && is_file($file)) {
        require $file;
    }
});
set_error_handler(function (int $level, string $message, string $file, int $line): never {
    throw new ErrorException($message, 0, $level, $file, $line);
}, E_ALL & ~E_DEPRECATED);

function expect(mixed $actual, mixed $expected): void
{
    if ($actual != $expected) {
        throw new Exception('Expected ' . var_export($expected, true) . ', got ' . var_export($actual, true));
    }
}

/** Return the problem details of the error response to a request. */
function problem(callable $request, int $status): Problem
{
    try {
        $request();
    } catch (ApiException $error) {
        $problem = $error->getResponseObject();
        expect($error->getCode(), $status);
        expect($problem->getStatus(), $status);
        return $problem;
    }
    throw new Exception("Expected $status");
}

$configuration = (new Configuration())->setHost($argv[1] ?? 'http://127.0.0.1:8000');
$username = 'ada-' . bin2hex(random_bytes(4));
$password = 'correct horse battery staple';

// Register.
$user = (new UsersApi(new Client(), $configuration))->registerUser(
    new UserCreate(['username' => $username, 'password' => $password])
);
expect($user->getPostsUrl(), "/posts?author=$username");

// Sign in with HTTP Basic once; later requests send the token.
$configuration->setUsername($username)->setPassword($password);
$signedIn = (new TokensApi(new Client(), $configuration))->createToken();
expect($signedIn->getExpiresAt() > $signedIn->getCreatedAt(), true);
expect($signedIn->getLastUsedAt(), null);
$configuration->setAccessToken($signedIn->getToken());
$posts = new PostsApi(new Client(), $configuration);

// Publish. With an idempotency key, a request can be repeated until there is a response: it creates one post.
$note = new PostCreate([
    'title' => 'Note A',
    'body' => 'It *weaves* patterns.',
    'published_at' => new DateTime('1843-09-01T00:00:00Z'),
]);
$key = bin2hex(random_bytes(16));
$first = $posts->publishPost($note, $key);
expect($posts->publishPost($note, $key), $first);
expect($first->getPublishedAt(), $note->getPublishedAt());

// A slug names the post among those of its author; metadata are the client's own.
$metadata = ['cover' => 'https://example.com/engine.jpg'];
$tags = ['engines', '日本'];
$numbers = new PostCreate(
    ['title' => 'Note G', 'body' => 'Bernoulli.', 'slug' => 'note-g', 'tags' => $tags, 'metadata' => $metadata]
);
$second = $posts->publishPost($numbers);
expect([$second->getSlug(), $second->getTags(), $second->getMetadata()], ['note-g', $tags, $metadata]);
expect(problem(fn() => $posts->publishPost($numbers), 409)->getCode(), 'slug-taken');

// List page by page, newest first.
$titles = [];
$cursor = null;
do {
    $page = $posts->listPosts(limit: 1, cursor: $cursor, author: $username);
    foreach ($page->getItems() as $post) {
        $titles[] = $post->getTitle();
    }
    $cursor = $page->getNextCursor();
} while ($cursor !== null);
expect($titles, ['Note G', 'Note A']);

// Search: every word must be in the title or the body, and those in quotation marks must follow each other.
$found = $posts->listPosts(q: '"weaves patterns" NOTE', author: $username)->getItems();
expect([count($found), $found[0]->getTitle()], [1, 'Note A']);

// Read a post as HTML that is safe on any page.
expect($posts->readPost($first->getId(), expand: 'html')->getHtml(), "<p>It <em>weaves</em> patterns.</p>\n");

// List the tags of published posts, and read what feed readers read.
$listed = (new TagsApi(new Client(), $configuration))->listTags(limit: 100)->getItems();
expect(array_diff($tags, array_map(fn($each) => $each->getTag(), $listed)), []);
$items = (new FeedsApi(new Client(), $configuration))->readJSONFeed(author: $username)->getItems();
expect(array_map(fn($item) => $item->getTitle(), $items), ['Note G', 'Note A']);

// Follow another user, whose posts are then in the timeline.
$readerName = 'bob-' . bin2hex(random_bytes(4));
(new UsersApi(new Client(), $configuration))->registerUser(
    new UserCreate(['username' => $readerName, 'password' => $password])
);
$bobs = (clone $configuration)->setUsername($readerName)->setPassword($password);
$bobs->setAccessToken((new TokensApi(new Client(), $bobs))->createToken()->getToken());
$follows = new FollowsApi(new Client(), $bobs);
foreach ([1, 2] as $_) { // a repetition changes nothing
    $follows->followUser($username);
}
$followers = $follows->listFollowers($username)->getItems();
expect(array_map(fn($follower) => $follower->getUsername(), $followers), [$readerName]);
$timeline = (new TimelineApi(new Client(), $bobs))->readTimeline()->getItems();
expect(array_map(fn($post) => $post->getTitle(), $timeline), ['Note G', 'Note A']);
$oneself = problem(fn() => (new FollowsApi(new Client(), $configuration))->followUser($username), 409);
expect($oneself->getCode(), 'follows-oneself');
$follows->unfollowUser($username);

// Like a post. It is one like, however often it is sent, and the post stays as it is.
$likes = new LikesApi(new Client(), $bobs);
foreach ([1, 2] as $_) {
    $likes->likePost($first->getId());
}
expect($likes->readLike($first->getId())->getPostId(), $first->getId());
$likers = $likes->listLikers($first->getId())->getItems();
expect(array_map(fn($liker) => $liker->getUsername(), $likers), [$readerName]);
$liked = $likes->listLikedPosts($readerName)->getItems();
expect(array_map(fn($post) => $post->getTitle(), $liked), ['Note A']);
$likes->unlikePost($first->getId());
problem(fn() => $likes->readLike($first->getId()), 404);

// Comment on a post. With an idempotency key, repeating the request creates no second comment.
$comments = new CommentsApi(new Client(), $bobs);
$remark = new CommentCreate(['body' => 'It *does*.']);
$key = bin2hex(random_bytes(16));
$comment = $comments->createComment($first->getId(), $remark, $key);
expect($comments->createComment($first->getId(), $remark, $key), $comment);
$reply = $comments->createComment($first->getId(), new CommentCreate(['body' => 'Or does it?']));

// List the comments page by page, oldest first, and read one as HTML.
$bodies = [];
$cursor = null;
do {
    $page = $comments->listComments($first->getId(), limit: 1, cursor: $cursor);
    foreach ($page->getItems() as $each) {
        $bodies[] = $each->getBody();
    }
    $cursor = $page->getNextCursor();
} while ($cursor !== null);
expect($bodies, ['It *does*.', 'Or does it?']);
expect($comments->readComment($comment->getId(), expand: 'html')->getHtml(), "<p>It <em>does</em>.</p>\n");

// Revise a comment, but only the version that was read.
$version = '"' . $comment->getRevision() . '"';
$corrected = $comments->reviseComment($comment->getId(), $version, new CommentPatch(['body' => 'It does.']));
expect($corrected->getBody(), 'It does.');
$lost = new CommentPatch(['body' => 'Lost?']);
problem(fn() => $comments->reviseComment($comment->getId(), $version, $lost), 412);

// The writer of a comment deletes it, or the author of the post.
$comments->removeComment($comment->getId(), '"' . $corrected->getRevision() . '"');
(new CommentsApi(new Client(), $configuration))->removeComment($reply->getId(), '"' . $reply->getRevision() . '"');
expect($comments->listComments($first->getId())->getItems(), []);

// Close a post to new comments.
$posts->revisePost($second->getId(), '"' . $second->getRevision() . '"', new PostPatch(['comments' => 'closed']));
$tooLate = problem(fn() => $comments->createComment($second->getId(), $remark), 409);
expect($tooLate->getCode(), 'comments-closed');

// Only admins suspend users.
$suspensions = new SuspensionsApi(new Client(), $configuration);
expect(problem(fn() => $suspensions->suspendUser($readerName), 403)->getCode(), 'forbidden');

// A token that can only read is enough for a reader or a preview.
$preview = new TokenCreate(['name' => 'preview', 'scope' => 'read', 'expires_in_days' => 1]);
$issued = (new TokensApi(new Client(), $configuration))->createToken($preview);
$reader = new PostsApi(new Client(), (clone $configuration)->setAccessToken($issued->getToken()));
expect($reader->readPost($first->getId()), $first);
expect(problem(fn() => $reader->publishPost($note), 403)->getCode(), 'insufficient-scope');

// Read with the header fields: the ETag identifies the version to revise.
[$read, , $headers] = $posts->readPostWithHttpInfo($first->getId());
expect($read, $first);
$old = $headers['ETag'][0];
$changes = new PostPatch(['title' => 'Note A, revised']);
[$revised, , $headers] = $posts->revisePostWithHttpInfo($first->getId(), $old, $changes);
expect($revised->getTitle(), 'Note A, revised');
expect($revised->getBody(), $note->getBody());
$current = $headers['ETag'][0];

// No update is lost: a change of an old version is rejected.
problem(fn() => $posts->revisePost($first->getId(), $old, $changes->setTitle('Lost?')), 412);

// Validation errors name their place, so that a form can show each next to its field. This client rejects a title that
// is too short by itself.
$invalid = problem(fn() => $posts->revisePost($first->getId(), $current, ['title' => '']), 422);
expect($invalid->getErrors()[0]->getPointer(), '#/title');
expect($invalid->getErrors()[0]->getDetail(), 'Length must be between 1 and 200.');

// Follow the changes: the first requests list all posts, later ones what has changed since.
$feed = new ChangesApi(new Client(), $configuration);
$copies = [];
$since = null;
$follow = function () use ($feed, &$copies, &$since): void {
    do {
        $page = $feed->listPostChanges(since: $since);
        foreach ($page->getItems() as $change) {
            $copies[$change->getId()] = $change->getPost();
        }
        $since = $page->getNextSince();
    } while ($page->getHasMore());
};
$follow();
expect($copies[$first->getId()]->getTitle(), 'Note A, revised');

// Remove the post.
[, $status] = $posts->removePostWithHttpInfo($first->getId(), $current);
expect($status, 204);
$follow();
expect($copies[$first->getId()], null);
problem(fn() => $posts->readPost($first->getId()), 404);

// Publish a file at a slug. The request creates the post, or else replaces the version that it names.
$file = new PostPut([
    'title' => 'Note B',
    'body' => 'From a file.',
    'published_at' => new DateTime('1843-09-01T00:00:00Z'),
]);
$created = $posts->putPost($username, 'note-b', $file, if_none_match: '*');
problem(fn() => $posts->putPost($username, 'note-b', $file, if_none_match: '*'), 412);
$version = '"' . $created->getRevision() . '"';
expect($posts->putPost($username, 'note-b', $file, if_match: $version), $created);
$replaced = $posts->putPost($username, 'note-b', $file->setTitle('Note B, revised'), if_match: $version);
expect([$replaced->getId(), $replaced->getTitle()], [$created->getId(), 'Note B, revised']);
expect($posts->readPostBySlug($username, 'note-b'), $replaced);
