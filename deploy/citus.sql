-- Distributes Pressroom's tables on Citus. Run it once, as the owner of the tables, after `pressroom db upgrade` and before any
-- post is written. deploy/citus.md says what it does, and on which tables it has been run.

-- A foreign key to a table that becomes distributed is possible only once its own table is distributed with it.
ALTER TABLE post_tags DROP CONSTRAINT fk_post_tags_post_id;

-- A copy on each node, because each list joins it and each username is unique.
SELECT create_reference_table('users');
SELECT create_distributed_table('posts', 'id', shard_count := 4);
SELECT create_distributed_table('post_tags', 'post_id', colocate_with := 'posts');

ALTER TABLE post_tags
    ADD CONSTRAINT fk_post_tags_post_id FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE;

-- Connection options reach only the coordinator, settings of the role each node.
ALTER ROLE pressroom SET lock_timeout = '5s';
ALTER ROLE pressroom SET statement_timeout = '10s';
ALTER ROLE pressroom SET idle_in_transaction_session_timeout = '10min';
