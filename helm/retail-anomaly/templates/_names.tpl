{{/* Names, labels and images. */}}

{{- define "retail-anomaly.name" -}}
{{- .Values.nameOverride | default .Chart.Name -}}
{{- end -}}

{{- define "retail-anomaly.fullname" -}}
{{- $name := include "retail-anomaly.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- .Values.fullnameOverride | default $full | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Labels that select only the pods of a part: dict "root" $ "part" "sink". */}}
{{- define "retail-anomaly.selector" -}}
app.kubernetes.io/name: {{ include "retail-anomaly.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "retail-anomaly.labels" -}}
{{ include "retail-anomaly.selector" . }}
app.kubernetes.io/part-of: {{ .root.Chart.Name }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels of a pod: those of its part, and yours. */}}
{{- define "retail-anomaly.podLabels" -}}
{{ include "retail-anomaly.selector" . }}
{{- with merge dict .root.Values.podLabels .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Name and labels of an object: dict "root" $ "part" "sink" ("name" "sink-x"). */}}
{{- define "retail-anomaly.metadata" -}}
name: {{ include "retail-anomaly.fullname" .root }}-{{ .name | default .part }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "retail-anomaly.labels" . | nindent 2 }}
{{- end -}}

{{/* Image of a part: dict "image" .Values.x.image "tag" "default tag". */}}
{{- define "retail-anomaly.imageOf" -}}
{{- with .image -}}
{{- .repository -}}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.tag }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "retail-anomaly.image" -}}
{{ include "retail-anomaly.imageOf" (dict "image" .Values.image "tag" .Chart.AppVersion) }}
{{- end -}}

{{/* With the namespace, because KEDA asks from another one. */}}
{{- define "retail-anomaly.kafkaAddress" -}}
{{ include "retail-anomaly.fullname" . }}-kafka.{{ .Release.Namespace }}.svc:9092
{{- end -}}

{{/* Kafka's address, for processes that don't read the configuration. */}}
{{- define "retail-anomaly.broker" -}}
{{ (include "retail-anomaly.config" . | fromYaml).streamer.broker }}
{{- end -}}

{{/* With the namespace, because a Grafana in another one may ask. */}}
{{- define "retail-anomaly.influxdbUrl" -}}
{{- if .Values.influxdb.enabled -}}
http://{{ include "retail-anomaly.fullname" . }}-influxdb.{{ .Release.Namespace }}.svc:8086
{{- else -}}
{{ required "influxdb.url: name your InfluxDB, or set influxdb.enabled or sink.enabled=false" .Values.influxdb.url }}
{{- end -}}
{{- end -}}

{{/* The Secret with INFLUXDB_TOKEN and GRAFANA_INFLUXDB_TOKEN. */}}
{{- define "retail-anomaly.influxdbSecret" -}}
{{- if .Values.influxdb.enabled -}}
{{ include "retail-anomaly.fullname" . }}-influxdb-tokens
{{- else -}}
{{ required "influxdb.existingSecret: name the Secret with INFLUXDB_TOKEN, or set influxdb.enabled or sink.enabled=false" .Values.influxdb.existingSecret }}
{{- end -}}
{{- end -}}
