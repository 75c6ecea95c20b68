CREATE TABLE "ai"."batch_items" (
	"batch_id" uuid NOT NULL,
	"version_id" uuid NOT NULL,
	"file_id" uuid NOT NULL,
	"state" text DEFAULT 'waiting' NOT NULL,
	"run" integer,
	"reason" text,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "batch_items_batch_id_version_id_pk" PRIMARY KEY("batch_id","version_id"),
	CONSTRAINT "batch_items_run" CHECK (("ai"."batch_items"."state" in ('waiting', 'cancelled')) or "ai"."batch_items"."run" is not null or "ai"."batch_items"."reason" is not null)
);
--> statement-breakpoint
CREATE TABLE "ai"."batches" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_by" uuid,
	"operation" text NOT NULL,
	"selection" jsonb NOT NULL,
	"state" text DEFAULT 'running' NOT NULL,
	"total" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "ai"."categories" (
	"version_id" uuid NOT NULL,
	"label" text NOT NULL,
	"score" real NOT NULL,
	CONSTRAINT "categories_version_id_label_pk" PRIMARY KEY("version_id","label")
);
--> statement-breakpoint
CREATE TABLE "ai"."document_vectors" (
	"model" text NOT NULL,
	"version_id" uuid NOT NULL,
	"embedding" vector NOT NULL,
	CONSTRAINT "document_vectors_version_id_model_pk" PRIMARY KEY("version_id","model")
);
--> statement-breakpoint
CREATE TABLE "ai"."embedding_models" (
	"model" text PRIMARY KEY NOT NULL,
	"dimensions" integer NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ai"."field_values" (
	"version_id" uuid NOT NULL,
	"name" text NOT NULL,
	"value" text NOT NULL,
	"number" double precision,
	"confidence" real NOT NULL,
	"start_offset" integer NOT NULL,
	"end_offset" integer NOT NULL,
	CONSTRAINT "field_values_version_id_name_pk" PRIMARY KEY("version_id","name")
);
--> statement-breakpoint
CREATE TABLE "ai"."fields" (
	"drive_id" uuid NOT NULL,
	"name" text NOT NULL,
	"type" text NOT NULL,
	"description" text NOT NULL,
	"choices" text[],
	"created_by" uuid NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "fields_drive_id_name_pk" PRIMARY KEY("drive_id","name")
);
--> statement-breakpoint
CREATE TABLE "ai"."label_examples" (
	"drive_id" uuid NOT NULL,
	"label" text NOT NULL,
	"file_id" uuid NOT NULL,
	"positive" boolean NOT NULL,
	"created_by" uuid NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "label_examples_drive_id_label_file_id_pk" PRIMARY KEY("drive_id","label","file_id")
);
--> statement-breakpoint
CREATE TABLE "ai"."labels" (
	"id" uuid PRIMARY KEY NOT NULL,
	"drive_id" uuid NOT NULL,
	"name" text NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"created_by" uuid NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ai"."model_choices" (
	"drive_id" uuid NOT NULL,
	"task" text NOT NULL,
	"model" text NOT NULL,
	"next_model" text,
	"changed_by" uuid,
	"changed_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "model_choices_drive_id_task_pk" PRIMARY KEY("drive_id","task")
);
--> statement-breakpoint
CREATE TABLE "ai"."plugin_settings" (
	"drive_id" uuid NOT NULL,
	"plugin" text NOT NULL,
	"enabled" boolean NOT NULL,
	"changed_by" uuid NOT NULL,
	"changed_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "plugin_settings_drive_id_plugin_pk" PRIMARY KEY("drive_id","plugin")
);
--> statement-breakpoint
CREATE TABLE "ai"."rule_runs" (
	"rule_id" uuid NOT NULL,
	"version_id" uuid NOT NULL,
	"state" text DEFAULT 'pending' NOT NULL,
	"reason" text,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "rule_runs_rule_id_version_id_pk" PRIMARY KEY("rule_id","version_id")
);
--> statement-breakpoint
CREATE TABLE "ai"."rules" (
	"id" uuid PRIMARY KEY NOT NULL,
	"drive_id" uuid NOT NULL,
	"label" text NOT NULL,
	"min_score" real NOT NULL,
	"action" jsonb NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	"created_by" uuid NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
DROP INDEX "ai"."embeddings_hnsw_idx";--> statement-breakpoint
DROP INDEX "ai"."analyses_due_idx";--> statement-breakpoint
ALTER TABLE "ai"."embeddings" ALTER COLUMN "embedding" SET DATA TYPE vector;--> statement-breakpoint
ALTER TABLE "ai"."analyses" ADD COLUMN "todo" text[] DEFAULT '{text,vectors,steps}'::text[] NOT NULL;--> statement-breakpoint
ALTER TABLE "ai"."analyses" ADD COLUMN "run" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "ai"."analyses" ADD COLUMN "priority" smallint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "ai"."analyses" ADD COLUMN "given_up_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "ai"."analyses" ADD COLUMN "results" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "ai"."analyses" ADD COLUMN "simhash" bigint;--> statement-breakpoint
ALTER TABLE "ai"."analyses" ADD COLUMN "embedding_provider" text;--> statement-breakpoint
ALTER TABLE "ai"."batch_items" ADD CONSTRAINT "batch_items_batch_id_batches_id_fk" FOREIGN KEY ("batch_id") REFERENCES "ai"."batches"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ai"."categories" ADD CONSTRAINT "categories_version_id_analyses_version_id_fk" FOREIGN KEY ("version_id") REFERENCES "ai"."analyses"("version_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ai"."document_vectors" ADD CONSTRAINT "document_vectors_version_id_analyses_version_id_fk" FOREIGN KEY ("version_id") REFERENCES "ai"."analyses"("version_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ai"."field_values" ADD CONSTRAINT "field_values_version_id_analyses_version_id_fk" FOREIGN KEY ("version_id") REFERENCES "ai"."analyses"("version_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ai"."rule_runs" ADD CONSTRAINT "rule_runs_rule_id_rules_id_fk" FOREIGN KEY ("rule_id") REFERENCES "ai"."rules"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ai"."rule_runs" ADD CONSTRAINT "rule_runs_version_id_analyses_version_id_fk" FOREIGN KEY ("version_id") REFERENCES "ai"."analyses"("version_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "batch_items_state_idx" ON "ai"."batch_items" USING btree ("batch_id","state","version_id");--> statement-breakpoint
CREATE INDEX "batch_items_released_idx" ON "ai"."batch_items" USING btree ("version_id") WHERE "ai"."batch_items"."state" = 'released';--> statement-breakpoint
CREATE INDEX "batches_created_by_idx" ON "ai"."batches" USING btree ("created_by","id");--> statement-breakpoint
CREATE INDEX "batches_running_idx" ON "ai"."batches" USING btree ("id") WHERE "ai"."batches"."state" = 'running';--> statement-breakpoint
CREATE INDEX "categories_label_idx" ON "ai"."categories" USING btree ("label");--> statement-breakpoint
CREATE INDEX "field_values_name_value_idx" ON "ai"."field_values" USING btree ("name","value");--> statement-breakpoint
CREATE INDEX "label_examples_file_id_idx" ON "ai"."label_examples" USING btree ("file_id");--> statement-breakpoint
CREATE UNIQUE INDEX "labels_name_key" ON "ai"."labels" USING btree ("drive_id",lower("name"));--> statement-breakpoint
CREATE INDEX "rules_drive_id_idx" ON "ai"."rules" USING btree ("drive_id");--> statement-breakpoint
CREATE INDEX "analyses_due_idx" ON "ai"."analyses" USING btree ("priority","next_attempt_at") WHERE "ai"."analyses"."todo" <> '{}';