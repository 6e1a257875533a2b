# A post from creation to deletion, in Ruby, with the client that openapi-generator makes.
# openapi/README.md says how to run it.

require 'securerandom'
require 'uri'

$LOAD_PATH.unshift File.join(__dir__, 'pressroom/lib')
require 'pressroom'

# The classes of a client of the server, which authenticates as these options say.
def connect(url, **options)
  configuration = Pressroom::Configuration.new do |each|
    each.scheme = url.scheme
    each.host = "#{url.host}:#{url.port}"
    each.base_path = url.path
    each.server_index = nil
    options.each { |name, value| each.send("#{name}=", value) }
  end
  Pressroom::ApiClient.new(configuration)
end

def expect(actual, expected)
  raise "Expected #{expected.inspect}, got #{actual.inspect}" unless actual == expected
end

# Return the problem details of the error response to a request.
def problem(status)
  yield
rescue Pressroom::ApiError => error
  problem = Pressroom::Problem.build_from_hash(JSON.parse(error.response_body, symbolize_names: true))
  expect([error.code, problem.status], [status, status])
  problem
else
  raise "Expected #{status}"
end

url = URI(ARGV[0] || 'http://127.0.0.1:8000')
username = "ada-#{SecureRandom.hex(4)}"
password = 'correct horse battery staple'

# Register.
registration = Pressroom::UserCreate.new(username: username, password: password)
user = Pressroom::UsersApi.new(connect(url)).register_user(registration)
expect user.posts_url, "/posts?author=#{username}"

# Sign in with HTTP Basic once; later requests send the token.
basic = connect(url, username: username, password: password)
signed_in = Pressroom::TokensApi.new(basic).create_token
expect signed_in.expires_at > signed_in.created_at, true
expect signed_in.last_used_at, nil
ada = connect(url, access_token: signed_in.token)
posts = Pressroom::PostsApi.new(ada)

# Publish. With an idempotency key, a request can be repeated until there is a response: it creates one post.
# As text: the client sends a Time as `to_s` writes it, which is not RFC 3339.
published_at = Time.utc(1843, 9, 1)
note = Pressroom::PostCreate.new(title: 'Note A', body: 'It *weaves* patterns.', published_at: published_at.iso8601)
once = { idempotency_key: SecureRandom.uuid }
first = posts.publish_post(note, once)
expect posts.publish_post(note, once), first
expect first.published_at, published_at

# A slug names the post among those of its author; metadata are the client's own.
metadata = { 'cover' => 'https://example.com/engine.jpg' }
tags = %w[engines 日本]
numbers = { title: 'Note G', body: 'Bernoulli.', slug: 'note-g', tags: tags, metadata: metadata }
second = posts.publish_post(Pressroom::PostCreate.new(numbers))
expect [second.slug, second.tags, second.metadata], ['note-g', tags, metadata]
taken = problem(409) { posts.publish_post(Pressroom::PostCreate.new(numbers)) }
expect taken.code, 'slug-taken'

# List page by page, newest first.
titles = []
query = { author: username, limit: 1 }
loop do
  page = posts.list_posts(query)
  titles += page.items.map(&:title)
  break if page.next_cursor.nil?

  query[:cursor] = page.next_cursor
end
expect titles, ['Note G', 'Note A']

# Search: every word must be in the title or the body, and those in quotation marks must follow each other.
found = posts.list_posts({ author: username, q: '"weaves patterns" NOTE' })
expect found.items.map(&:title), ['Note A']

# Read a post as HTML that is safe on any page.
expect posts.read_post(first.id, { expand: 'html' }).html, "<p>It <em>weaves</em> patterns.</p>\n"

# List the tags of published posts, and read what feed readers read.
listed = Pressroom::TagsApi.new(ada).list_tags({ limit: 100 }).items.map(&:tag)
expect tags - listed, []
items = Pressroom::FeedsApi.new(ada).read_json_feed({ author: username }).items
expect items.map(&:title), ['Note G', 'Note A']

# Follow another user, whose posts are then in the timeline.
reader_name = "bob-#{SecureRandom.hex(4)}"
bobs_registration = Pressroom::UserCreate.new(username: reader_name, password: password)
Pressroom::UsersApi.new(connect(url)).register_user(bobs_registration)
bobs_token = Pressroom::TokensApi.new(connect(url, username: reader_name, password: password)).create_token
bob = connect(url, access_token: bobs_token.token)
follows = Pressroom::FollowsApi.new(bob)
2.times { follows.follow_user(username) } # a repetition changes nothing
expect follows.list_followers(username).items.map(&:username), [reader_name]
expect Pressroom::TimelineApi.new(bob).read_timeline.items.map(&:title), ['Note G', 'Note A']
oneself = problem(409) { Pressroom::FollowsApi.new(ada).follow_user(username) }
expect oneself.code, 'follows-oneself'
follows.unfollow_user(username)

# Like a post. It is one like, however often it is sent, and the post stays as it is.
likes = Pressroom::LikesApi.new(bob)
2.times { likes.like_post(first.id) }
expect likes.read_like(first.id).post_id, first.id
expect likes.list_likers(first.id).items.map(&:username), [reader_name]
expect likes.list_liked_posts(reader_name).items.map(&:title), ['Note A']
likes.unlike_post(first.id)
problem(404) { likes.read_like(first.id) }

# Comment on a post. With an idempotency key, repeating the request creates no second comment.
comments = Pressroom::CommentsApi.new(bob)
remark = Pressroom::CommentCreate.new(body: 'It *does*.')
once = { idempotency_key: SecureRandom.uuid }
comment = comments.create_comment(first.id, remark, once)
expect comments.create_comment(first.id, remark, once), comment
reply = comments.create_comment(first.id, Pressroom::CommentCreate.new(body: 'Or does it?'))

# List the comments page by page, oldest first, and read one as HTML.
bodies = []
query = { limit: 1 }
loop do
  page = comments.list_comments(first.id, query)
  bodies += page.items.map(&:body)
  break if page.next_cursor.nil?

  query[:cursor] = page.next_cursor
end
expect bodies, ['It *does*.', 'Or does it?']
expect comments.read_comment(comment.id, { expand: 'html' }).html, "<p>It <em>does</em>.</p>\n"

# Revise a comment, but only the version that was read.
version = "\"#{comment.revision}\""
corrected = comments.revise_comment(comment.id, version, Pressroom::CommentPatch.new(body: 'It does.'))
expect corrected.body, 'It does.'
problem(412) { comments.revise_comment(comment.id, version, Pressroom::CommentPatch.new(body: 'Lost?')) }

# The writer of a comment deletes it, or the author of the post.
comments.remove_comment(comment.id, "\"#{corrected.revision}\"")
Pressroom::CommentsApi.new(ada).remove_comment(reply.id, "\"#{reply.revision}\"")
expect comments.list_comments(first.id).items, []

# Close a post to new comments.
posts.revise_post(second.id, "\"#{second.revision}\"", Pressroom::PostPatch.new(comments: 'closed'))
too_late = problem(409) { comments.create_comment(second.id, remark) }
expect too_late.code, 'comments-closed'

# Only admins suspend users.
forbidden = problem(403) { Pressroom::SuspensionsApi.new(ada).suspend_user(reader_name) }
expect forbidden.code, 'forbidden'

# A token that can only read is enough for a reader or a preview.
preview = Pressroom::TokenCreate.new(name: 'preview', scope: 'read', expires_in_days: 1)
issued = Pressroom::TokensApi.new(basic).create_token({ token_create: preview })
reader = Pressroom::PostsApi.new(connect(url, access_token: issued.token))
expect reader.read_post(first.id), first
forbidden = problem(403) { reader.publish_post(note) }
expect forbidden.code, 'insufficient-scope'

# Read with the header fields: the ETag identifies the version to revise.
read, _, headers = posts.read_post_with_http_info(first.id)
expect read, first
old = headers['ETag']
changes = Pressroom::PostPatch.new(title: 'Note A, revised')
revised, _, headers = posts.revise_post_with_http_info(first.id, old, changes)
expect revised.title, 'Note A, revised'
expect revised.body, note.body
current = headers['ETag']

# No update is lost: a change of an old version is rejected.
problem(412) { posts.revise_post(first.id, old, Pressroom::PostPatch.new(title: 'Lost?')) }

# Validation errors name their place, so that a form can show each next to its field. This client rejects a title that
# is too short by itself.
invalid = problem(422) { posts.revise_post(first.id, current, { title: '' }) }
expect invalid.errors.first.pointer, '#/title'
expect invalid.errors.first.detail, 'Length must be between 1 and 200.'

# Follow the changes: the first requests list all posts, later ones what has changed since.
feed = Pressroom::ChangesApi.new(ada)
copies = {}
since = nil
follow = lambda do
  loop do
    page = feed.list_post_changes(since: since)
    page.items.each { |change| copies[change.id] = change.post }
    since = page.next_since
    break unless page.has_more
  end
end
follow.call
expect copies[first.id].title, 'Note A, revised'

# Remove the post.
_, status, = posts.remove_post_with_http_info(first.id, current)
expect status, 204
follow.call
expect copies.fetch(first.id), nil
problem(404) { posts.read_post(first.id) }

# Publish a file at a slug. The request creates the post, or else replaces the version that it names.
file = Pressroom::PostPut.new(title: 'Note B', body: 'From a file.', published_at: published_at.iso8601)
created = posts.put_post(username, 'note-b', file, { if_none_match: '*' })
problem(412) { posts.put_post(username, 'note-b', file, { if_none_match: '*' }) }
version = { if_match: "\"#{created.revision}\"" }
expect posts.put_post(username, 'note-b', file, version), created
file.title = 'Note B, revised'
replaced = posts.put_post(username, 'note-b', file, version)
expect [replaced.id, replaced.title], [created.id, 'Note B, revised']
expect posts.read_post_by_slug(username, 'note-b'), replaced
