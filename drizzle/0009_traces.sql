ALTER TABLE "ai"."analyses" ADD COLUMN "traceparent" text;--> statement-breakpoint
ALTER TABLE "storage"."outbox" ADD COLUMN "traceparent" text;