-- Distributes Pressroom's tables on Citus. Run it once, as the owner of the tables, after `pressroom db upgrade` and before any
-- post is written. Citus rejects it for this version of the tables, until the constraints are changed that deploy/citus.md lists.

-- A foreign key to a table that becomes distributed is possible only once its own table is distributed with it.
ALTER TABLE post_tags DROP CONSTRAINT fk_post_tags_post_id;
ALTER TABLE post_words DROP CONSTRAINT fk_post_words_post_id;
ALTER TABLE comments DROP CONSTRAINT fk_comments_post_id;
ALTER TABLE likes DROP CONSTRAINT fk_likes_post_id;

-- A copy on each node, because each list joins users, timelines join follows, and each username is unique.
SELECT create_reference_table('users');
SELECT create_reference_table('follows');

SELECT create_distributed_table('posts', 'id', shard_count := 4);
SELECT create_distributed_table('post_tags', 'post_id', colocate_with := 'posts');
SELECT create_distributed_table('post_words', 'post_id', colocate_with := 'posts');
SELECT create_distributed_table('comments', 'post_id', colocate_with := 'posts');
SELECT create_distributed_table('likes', 'post_id', colocate_with := 'posts');

ALTER TABLE post_tags
    ADD CONSTRAINT fk_post_tags_post_id FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE;
ALTER TABLE post_words
    ADD CONSTRAINT fk_post_words_post_id FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE;
ALTER TABLE comments
    ADD CONSTRAINT fk_comments_post_id FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE;
ALTER TABLE likes
    ADD CONSTRAINT fk_likes_post_id FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE;

-- On the coordinator stay: idempotency_keys, removed_posts, removed_users, sync_epochs, tokens, usage.

-- Connection options reach only the coordinator, settings of the role each node.
ALTER ROLE pressroom SET lock_timeout = '5s';
ALTER ROLE pressroom SET statement_timeout = '10s';
ALTER ROLE pressroom SET idle_in_transaction_session_timeout = '10min';
