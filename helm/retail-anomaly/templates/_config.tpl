{{/* The configuration of the commands: `config`, and the values that the chart sets. */}}

{{- define "retail-anomaly.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- if $config.stores }}{{ $_ := set $config "stores" (include "retail-anomaly.stores" $config.stores | fromYaml) }}{{ end -}}
{{- $streamer := $config.streamer | default dict -}}
{{- if .Values.kafka.enabled -}}
{{- if $streamer.broker }}{{ fail "config.streamer.broker and kafka.enabled exclude each other: leave one out" }}{{ end -}}
{{- $_ := set $streamer "broker" (include "retail-anomaly.kafkaAddress" .) -}}
{{- else -}}
{{- $_ := required "config.streamer.broker: name your Kafka (host:port), or set kafka.enabled for a trial" $streamer.broker -}}
{{- end -}}
{{- $_ := set $streamer "state_dir" "/var/lib/retail-anomaly" -}}
{{- $_ := set $streamer "metrics_port" (include "retail-anomaly.healthPort" . | int) -}}
{{- $_ := set $streamer "metrics_address" "0.0.0.0" -}}
{{- if .Values.returns.enabled }}{{ $_ := set $streamer "returns" true }}{{ end -}}
{{- $_ := set $config "streamer" $streamer -}}
{{- toYaml $config -}}
{{- end -}}

{{/*
Settings by store id. YAML makes a number of the key 0012, and false of no; here they arrive as "10" and "false",
and nobody can tell them from an id that was quoted. An id in two pairs of quotes keeps one of them.
*/}}
{{- define "retail-anomaly.stores" -}}
{{- $stores := dict -}}
{{- range $id, $settings := . -}}
{{- if regexMatch "^(true|false|null|~|[-+]?(0|[1-9][0-9]*)(\\.[0-9]+)?(e[-+]?[0-9]+)?|[-+]?\\.?(inf|nan))$" (lower $id) -}}
{{- fail (printf "config.stores: YAML does not read the key %s as text, which may not be the id of your store: write the id in two pairs of quotes, such as '\"0012\"'" $id) -}}
{{- end -}}
{{- $_ := set $stores (regexReplaceAll "^\"(.*)\"$" $id "${1}") $settings -}}
{{- end -}}
{{- toYaml $stores -}}
{{- end -}}

{{/* Number of partitions, with the default of the settings. */}}
{{- define "retail-anomaly.partitions" -}}
{{- dig "streamer" "topics" "partitions" 12 .Values.config | int64 -}}
{{- end -}}

{{/* Stands before the name of each topic. */}}
{{- define "retail-anomaly.topicPrefix" -}}
{{- dig "streamer" "topic_prefix" "" .Values.config -}}
{{- end -}}

{{/* Port of /metrics, /healthz and /readyz. */}}
{{- define "retail-anomaly.healthPort" -}}8080{{- end -}}

{{/* A rule that the schema can't express: more processes than partitions would idle. */}}
{{/* The variables with keys of pseudonyms, as JSON: the one of today, and those of rotations. */}}
{{- define "retail-anomaly.pseudonymKeys" -}}
{{- $privacy := dig "privacy" dict .Values.config -}}
{{- if eq (dig "pseudonyms" "none" $privacy) "keyed" -}}
{{- prepend (dig "rotations" dict $privacy | keys | sortAlpha) (dig "key" "RETAIL_PSEUDONYM_KEY" $privacy) | toJson -}}
{{- else -}}
[]
{{- end -}}
{{- end -}}

{{- define "retail-anomaly.check" -}}
{{- $partitions := include "retail-anomaly.partitions" . | int -}}
{{- $asked := dict "streamer.replicas" .Values.streamer.replicas "storeMetrics.replicas" .Values.storeMetrics.replicas "returns.replicas" .Values.returns.replicas "triage.replicas" .Values.triage.replicas "notify.replicas" .Values.notify.replicas "sink.replicas" .Values.sink.replicas -}}
{{- if .Values.autoscaling.enabled -}}
{{- $_ := set $asked "autoscaling.maxReplicas" .Values.autoscaling.maxReplicas -}}
{{- if gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas) }}{{ fail "autoscaling.minReplicas is above autoscaling.maxReplicas" }}{{ end -}}
{{- end -}}
{{- range $name, $replicas := $asked -}}
{{- if gt (int $replicas) $partitions -}}
{{- fail (printf "%s is %d, and the topics have %d partitions (config.streamer.topics.partitions): a process without a partition does nothing" $name (int $replicas) $partitions) -}}
{{- end -}}
{{- end -}}
{{- if and (eq (dig "privacy" "pseudonyms" "none" .Values.config) "keyed") (not .Values.privacy.existingSecret) -}}
{{- fail (printf "privacy.existingSecret: name the Secret with the key of the pseudonyms (%s), or leave out config.privacy.pseudonyms" (include "retail-anomaly.pseudonymKeys" . | fromJsonArray | join ", ")) -}}
{{- end -}}
{{- if and .Values.board.enabled .Values.networkPolicy.enabled (not .Values.networkPolicy.boardFrom) -}}
{{- fail "networkPolicy.boardFrom: name the proxy before the board, which trusts the header of whoever reaches it" -}}
{{- end -}}
{{- range $part := list "generator" "kafkaUi" -}}
{{- if and (index $.Values $part).enabled $.Values.kafka.existingSecret -}}
{{- fail (printf "%s.enabled: it is for trials and knows a Kafka without a log-in only; leave out kafka.existingSecret" $part) -}}
{{- end -}}
{{- end -}}
{{- end -}}
