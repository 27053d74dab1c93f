CREATE TABLE alerts (
    "type" text NOT NULL,
    "detector" text NOT NULL,
    "store" text NOT NULL,
    "alertId" text NOT NULL,
    "revision" integer NOT NULL,
    "riskScore" double precision NOT NULL,
    "employee" text,
    "message" text NOT NULL,
    "openedAt" bigint NOT NULL,
    "eventTime" bigint NOT NULL,
    "detectedAt" bigint NOT NULL,
    "configHash" text NOT NULL,
    "amount" double precision,
    "loss" double precision,
    "missing" double precision,
    "saleAmount" double precision,
    "sku" text,
    "totalRefunds" double precision,
    "transactionId" text,
    "transactionIds" text[],
    "severity" text GENERATED ALWAYS AS (
        CASE WHEN "riskScore" >= 0.8 THEN 'high' WHEN "riskScore" >= 0.5 THEN 'medium' ELSE 'low' END
    ) STORED,
    "time" timestamptz GENERATED ALWAYS AS (to_timestamp("openedAt" / 1000.0)) STORED,
    PRIMARY KEY ("alertId")
);
CREATE INDEX ON alerts ("store", "time");
