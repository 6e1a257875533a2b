// A post from creation to deletion, in Go, with the client that openapi-generator makes.
// openapi/README.md says how to run it.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"net/http"
	"os"
	"reflect"
	"time"

	"pressroom.example/client/pressroom"
)

func main() {
	url := "http://127.0.0.1:8000"
	if len(os.Args) > 1 {
		url = os.Args[1]
	}
	random := rand.New(rand.NewSource(time.Now().UnixNano()))
	username, password := fmt.Sprintf("ada-%08x", random.Uint32()), "correct horse battery staple"
	configuration := pressroom.NewConfiguration()
	configuration.Servers = pressroom.ServerConfigurations{{URL: url}}
	client := pressroom.NewAPIClient(configuration)
	anyone := context.Background()

	// Register.
	registration := pressroom.NewUserCreate(username, password)
	user, _, err := client.UsersAPI.RegisterUser(anyone).UserCreate(*registration).Execute()
	succeed(err)
	expect(user.PostsUrl, "/posts?author="+username)

	// Sign in with HTTP Basic once; later requests send the token.
	basic := context.WithValue(anyone, pressroom.ContextBasicAuth, pressroom.BasicAuth{UserName: username, Password: password})
	signedIn, _, err := client.TokensAPI.CreateToken(basic).Execute()
	succeed(err)
	expect(signedIn.ExpiresAt.After(signedIn.CreatedAt), true)
	expect(signedIn.LastUsedAt.Get() == nil, true)
	ada := context.WithValue(anyone, pressroom.ContextAccessToken, signedIn.Token)

	// Publish. With an idempotency key, a request can be repeated until there is a response: it creates one post.
	note := pressroom.NewPostCreate("Note A", "It *weaves* patterns.")
	note.SetPublishedAt(time.Date(1843, 9, 1, 0, 0, 0, 0, time.UTC))
	key := fmt.Sprint(random.Uint64())
	first, _, err := client.PostsAPI.PublishPost(ada).PostCreate(*note).IdempotencyKey(key).Execute()
	succeed(err)
	again, _, err := client.PostsAPI.PublishPost(ada).PostCreate(*note).IdempotencyKey(key).Execute()
	succeed(err)
	expect(again, first)
	expect(first.PublishedAt.Get().Equal(*note.PublishedAt.Get()), true)
	second := pressroom.NewPostCreate("Note G", "Bernoulli.")
	second.SetTags([]string{"engines", "日本"})
	second.SetSlug("note-g")
	second.SetMetadata(map[string]string{"cover": "https://example.com/engine.jpg"})
	tagged, _, err := client.PostsAPI.PublishPost(ada).PostCreate(*second).Execute()
	succeed(err)
	expect(tagged.Tags, []string{"engines", "日本"})
	expect(*tagged.Slug.Get(), "note-g")
	expect(tagged.Metadata, map[string]string{"cover": "https://example.com/engine.jpg"})

	// List page by page, newest first.
	titles := []string{}
	request := client.PostsAPI.ListPosts(ada).Author(username).Limit(1)
	for {
		page, _, err := request.Execute()
		succeed(err)
		for _, post := range page.Items {
			titles = append(titles, post.Title)
		}
		cursor := page.NextCursor.Get()
		if cursor == nil {
			break
		}
		request = request.Cursor(*cursor)
	}
	expect(titles, []string{"Note G", "Note A"})

	// Search: every word must be in the title or the body, and those in quotation marks must follow each other.
	found, _, err := client.PostsAPI.ListPosts(ada).Author(username).Q(`"weaves patterns" NOTE`).Execute()
	succeed(err)
	expect(len(found.Items), 1)
	expect(found.Items[0].Title, "Note A")

	// Read a post as HTML that is safe on any page.
	shown, _, err := client.PostsAPI.ReadPost(ada, first.Id).Expand("html").Execute()
	succeed(err)
	expect(shown.GetHtml(), "<p>It <em>weaves</em> patterns.</p>\n")

	// List the tags of published posts, and read what feed readers read.
	tags, _, err := client.TagsAPI.ListTags(ada).Limit(100).Execute()
	succeed(err)
	listed := map[string]bool{}
	for _, each := range tags.Items {
		listed[each.Tag] = true
	}
	expect(listed["engines"] && listed["日本"], true)
	feed, _, err := client.FeedsAPI.ReadJSONFeed(ada).Author(username).Execute()
	succeed(err)
	expect(len(feed.Items), 2)
	expect(feed.Items[0].Title, "Note G")

	// Follow another user, whose posts are then in the timeline.
	readerName := fmt.Sprintf("bob-%08x", random.Uint32())
	_, _, err = client.UsersAPI.RegisterUser(anyone).UserCreate(*pressroom.NewUserCreate(readerName, password)).Execute()
	succeed(err)
	bobs := context.WithValue(anyone, pressroom.ContextBasicAuth, pressroom.BasicAuth{UserName: readerName, Password: password})
	bobsToken, _, err := client.TokensAPI.CreateToken(bobs).Execute()
	succeed(err)
	bob := context.WithValue(anyone, pressroom.ContextAccessToken, bobsToken.Token)
	for repetition := 0; repetition < 2; repetition++ { // a repetition changes nothing
		_, err = client.FollowsAPI.FollowUser(bob, username).Execute()
		succeed(err)
	}
	followers, _, err := client.FollowsAPI.ListFollowers(bob, username).Execute()
	succeed(err)
	expect(followers.Items[0].Username, readerName)
	timeline, _, err := client.TimelineAPI.ReadTimeline(bob).Execute()
	succeed(err)
	expect(len(timeline.Items), 2)
	expect(timeline.Items[0].Title, "Note G")
	oneself, err := client.FollowsAPI.FollowUser(ada, username).Execute()
	problem(err, oneself, 409)
	_, err = client.FollowsAPI.UnfollowUser(bob, username).Execute()
	succeed(err)

	// Like a post. It is one like, however often it is sent, and the post stays as it is.
	for repetition := 0; repetition < 2; repetition++ {
		_, err = client.LikesAPI.LikePost(bob, first.Id).Execute()
		succeed(err)
	}
	like, _, err := client.LikesAPI.ReadLike(bob, first.Id).Execute()
	succeed(err)
	expect(like.PostId, first.Id)
	likers, _, err := client.LikesAPI.ListLikers(bob, first.Id).Execute()
	succeed(err)
	expect(len(likers.Items), 1)
	expect(likers.Items[0].Username, readerName)
	liked, _, err := client.LikesAPI.ListLikedPosts(bob, readerName).Execute()
	succeed(err)
	expect(len(liked.Items), 1)
	expect(liked.Items[0].Title, "Note A")
	_, err = client.LikesAPI.UnlikePost(bob, first.Id).Execute()
	succeed(err)
	_, unliked, err := client.LikesAPI.ReadLike(bob, first.Id).Execute()
	problem(err, unliked, 404)

	// Comment on a post. With an idempotency key, repeating the request creates no second comment.
	remark := pressroom.NewCommentCreate("It *does*.")
	comments := client.CommentsAPI
	writing := comments.CreateComment(bob, first.Id).CommentCreate(*remark).IdempotencyKey(fmt.Sprint(random.Uint64()))
	comment, _, err := writing.Execute()
	succeed(err)
	repeated, _, err := writing.Execute()
	succeed(err)
	expect(repeated, comment)
	question := pressroom.NewCommentCreate("Or does it?")
	reply, _, err := comments.CreateComment(bob, first.Id).CommentCreate(*question).Execute()
	succeed(err)

	// List the comments page by page, oldest first, and read one as HTML.
	bodies := []string{}
	listing := comments.ListComments(ada, first.Id).Limit(1)
	for {
		page, _, err := listing.Execute()
		succeed(err)
		for _, each := range page.Items {
			bodies = append(bodies, each.Body)
		}
		cursor := page.NextCursor.Get()
		if cursor == nil {
			break
		}
		listing = listing.Cursor(*cursor)
	}
	expect(bodies, []string{"It *does*.", "Or does it?"})
	safe, _, err := comments.ReadComment(ada, comment.Id).Expand("html").Execute()
	succeed(err)
	expect(safe.GetHtml(), "<p>It <em>does</em>.</p>\n")

	// Revise a comment, but only the version that was read.
	correction := pressroom.NewCommentPatch()
	correction.SetBody("It does.")
	version := fmt.Sprintf("%q", comment.Revision)
	corrected, _, err := comments.ReviseComment(bob, comment.Id).IfMatch(version).CommentPatch(*correction).Execute()
	succeed(err)
	expect(corrected.Body, "It does.")
	correction.SetBody("Lost?")
	_, outdated, err := comments.ReviseComment(bob, comment.Id).IfMatch(version).CommentPatch(*correction).Execute()
	problem(err, outdated, 412)

	// The writer of a comment deletes it, or the author of the post.
	_, err = comments.RemoveComment(bob, comment.Id).IfMatch(fmt.Sprintf("%q", corrected.Revision)).Execute()
	succeed(err)
	_, err = comments.RemoveComment(ada, reply.Id).IfMatch(fmt.Sprintf("%q", reply.Revision)).Execute()
	succeed(err)
	emptied, _, err := comments.ListComments(ada, first.Id).Execute()
	succeed(err)
	expect(len(emptied.Items), 0)

	// Close a post to new comments.
	closing := pressroom.NewPostPatch()
	closing.SetComments("closed")
	version = fmt.Sprintf("%q", tagged.Revision)
	_, _, err = client.PostsAPI.RevisePost(ada, tagged.Id).IfMatch(version).PostPatch(*closing).Execute()
	succeed(err)
	_, tooLate, err := comments.CreateComment(bob, tagged.Id).CommentCreate(*remark).Execute()
	expect(problem(err, tooLate, 409).Code, "comments-closed")

	// Only admins suspend users.
	rejected, err := client.SuspensionsAPI.SuspendUser(ada, readerName).Execute()
	problem(err, rejected, 403)

	// A token that can only read is enough for a reader or a preview.
	preview := pressroom.NewTokenCreate()
	preview.SetName("preview")
	preview.SetScope("read")
	preview.SetExpiresInDays(1)
	issued, _, err := client.TokensAPI.CreateToken(basic).TokenCreate(*preview).Execute()
	succeed(err)
	reader := context.WithValue(anyone, pressroom.ContextAccessToken, issued.Token)
	readable, _, err := client.PostsAPI.ReadPost(reader, first.Id).Execute()
	succeed(err)
	expect(readable, first)
	_, response, err := client.PostsAPI.PublishPost(reader).PostCreate(*note).Execute()
	forbidden := problem(err, response, 403)
	expect(forbidden.Code, "insufficient-scope")

	// Read with the header fields: the ETag identifies the version to revise.
	read, response, err := client.PostsAPI.ReadPost(ada, first.Id).Execute()
	succeed(err)
	expect(read, first)
	old := response.Header.Get("ETag")
	changes := pressroom.NewPostPatch()
	changes.SetTitle("Note A, revised")
	revised, response, err := client.PostsAPI.RevisePost(ada, first.Id).IfMatch(old).PostPatch(*changes).Execute()
	succeed(err)
	expect(revised.Title, "Note A, revised")
	expect(revised.Body, note.Body)
	current := response.Header.Get("ETag")

	// No update is lost: a change of an old version is rejected.
	changes.SetTitle("Lost?")
	_, response, err = client.PostsAPI.RevisePost(ada, first.Id).IfMatch(old).PostPatch(*changes).Execute()
	problem(err, response, 412)

	// Validation errors name their place, so that a form can show each next to its field.
	changes.SetTitle("")
	_, response, err = client.PostsAPI.RevisePost(ada, first.Id).IfMatch(current).PostPatch(*changes).Execute()
	invalid := problem(err, response, 422)
	expect(invalid.Errors[0].GetPointer(), "#/title")
	expect(invalid.Errors[0].Detail, "Length must be between 1 and 200.")

	// Follow the changes: the first requests list all posts, later ones what has changed since.
	copies := map[int64]*pressroom.PostSummary{}
	since := ""
	follow := func() {
		for hasMore := true; hasMore; {
			request := client.ChangesAPI.ListPostChanges(ada)
			if since != "" {
				request = request.Since(since)
			}
			changes, _, err := request.Execute()
			succeed(err)
			for _, change := range changes.Items {
				copies[change.Id] = change.Post.Get()
			}
			since, hasMore = changes.NextSince, changes.HasMore
		}
	}
	follow()
	expect(copies[first.Id].Title, "Note A, revised")

	// Remove the post.
	response, err = client.PostsAPI.RemovePost(ada, first.Id).IfMatch(current).Execute()
	succeed(err)
	expect(response.StatusCode, 204)
	follow()
	gone, isListed := copies[first.Id]
	expect(isListed && gone == nil, true)
	_, response, err = client.PostsAPI.ReadPost(ada, first.Id).Execute()
	problem(err, response, 404)

	// Publish a file at a slug. The request creates the post, or else replaces the version that it names.
	publishedAt := time.Date(1843, 9, 1, 0, 0, 0, 0, time.UTC)
	file := pressroom.NewPostPut("Note B", "From a file.", *pressroom.NewNullableTime(&publishedAt))
	put := client.PostsAPI.PutPost(ada, username, "note-b")
	created, _, err := put.PostPut(*file).IfNoneMatch("*").Execute()
	succeed(err)
	_, response, err = put.PostPut(*file).IfNoneMatch("*").Execute()
	problem(err, response, 412)
	createdVersion := fmt.Sprintf("%q", created.Revision)
	unchanged, _, err := put.PostPut(*file).IfMatch(createdVersion).Execute()
	succeed(err)
	expect(unchanged, created)
	file.SetTitle("Note B, revised")
	replaced, _, err := put.PostPut(*file).IfMatch(createdVersion).Execute()
	succeed(err)
	expect(replaced.Id, created.Id)
	expect(replaced.Title, "Note B, revised")
	bySlug, _, err := client.PostsAPI.ReadPostBySlug(ada, username, "note-b").Execute()
	succeed(err)
	expect(bySlug, replaced)
}

func succeed(err error) {
	if err != nil {
		panic(err)
	}
}

func expect(actual, expected any) {
	if !reflect.DeepEqual(actual, expected) {
		panic(fmt.Sprintf("expected %#v, got %#v", expected, actual))
	}
}

// problem returns the problem details of an error response.
func problem(err error, response *http.Response, status int) pressroom.Problem {
	var rejected *pressroom.GenericOpenAPIError
	if !errors.As(err, &rejected) {
		panic(fmt.Sprintf("expected an error response, got %v", err))
	}
	details, isProblem := rejected.Model().(pressroom.Problem)
	expect(isProblem, true)
	expect(response.StatusCode, status)
	expect(int(details.Status), status)
	return details
}
