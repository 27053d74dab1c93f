{{/* Shared parts of the pods of our image. Each takes dict "root" $ and the values named beside it. */}}

{{/* The restricted pod security standard; "uid" for an image with a user of its own. */}}
{{- define "retail-anomaly.podSecurity" -}}
runAsNonRoot: true
{{- if .root.Values.podSecurityContext.fixedUser }}
runAsUser: {{ .uid | default 10001 }}
runAsGroup: {{ .uid | default 10001 }}
fsGroup: {{ .uid | default 10001 }}
{{- end }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "retail-anomaly.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* Start of every pod's spec; "account" for a ServiceAccount of the part's own. */}}
{{- define "retail-anomaly.podBase" -}}
serviceAccountName: {{ include "retail-anomaly.fullname" .root }}{{ with .account }}-{{ . }}{{ end }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- include "retail-anomaly.podSecurity" . | nindent 2 }}
{{- include "retail-anomaly.placement" . }}
{{- end -}}

{{/* Where a pod may run: the "values" of its part, or those of all pods. */}}
{{- define "retail-anomaly.placement" -}}
{{- $part := .values | default dict -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" }}
{{- with index $part $key | default (index $.root.Values $key) }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with $part.priorityClassName | default .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* Spread the pods over nodes and zones, if there are several: "part". */}}
{{- define "retail-anomaly.spread" -}}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "retail-anomaly.selector" $ | nindent 8 }}
  {{- end }}
{{- end -}}

{{/* A container of our image: "name", "command"; "image" instead of ours, "kafkaSecret" instead of the usual one, "state" for a mounted
     state folder other than the temporary one, "env" further variables, "secret" a Secret with more, "influxdb" true for who writes to it,
     "resources", "live" where Tilt may
     replace the code: "run" starts the command again with it, "folder" only lets Tilt put it there, "lasting" whether the pod's name is
     the same after a restart. */}}
{{- define "retail-anomaly.container" -}}
{{- $values := .root.Values -}}
{{- $live := $values.development.liveUpdate | ternary (.live | default "") "" -}}
name: {{ .name }}
image: {{ .image | default (include "retail-anomaly.image" .root) }}
imagePullPolicy: {{ $values.image.pullPolicy }}
command: {{ eq $live "run" | ternary (concat (list "python" "/etc/live/live_update.py") .command) .command | toJson }}
env:
  {{- if eq $live "run" }}
  - name: LIVE_CODE
    value: /live
  {{- end }}
  - name: RETAIL_LOG_LEVEL
    value: {{ $values.logLevel }}
  {{- if .lasting }}
  # With it the process keeps its stores while it restarts. Without, they move to the others and come back.
  - name: RETAIL__STREAMER__INSTANCE_ID
    valueFrom:
      fieldRef:
        fieldPath: metadata.name
  {{- end }}
  {{- range $name, $value := .env }}
  - name: {{ $name }}
    value: {{ $value | quote }}
  {{- end }}
  {{- with $values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- /* The two processes that read events turn ids into pseudonyms; no other has a key. */}}
  {{- if has .name (list "streamer" "returns") }}
  {{- range include "retail-anomaly.pseudonymKeys" .root | fromJsonArray }}
  - name: {{ . }}
    valueFrom:
      secretKeyRef:
        name: {{ $values.privacy.existingSecret }}
        key: {{ . }}
  {{- end }}
  {{- end }}
  {{- if .influxdb }}
  - name: INFLUXDB_URL
    value: {{ include "retail-anomaly.influxdbUrl" .root | quote }}
  - name: INFLUXDB_ORG
    value: {{ $values.influxdb.org | quote }}
  - name: INFLUXDB_BUCKET
    value: {{ $values.influxdb.bucket | quote }}
  - name: INFLUXDB_TOKEN
    valueFrom:
      secretKeyRef:
        name: {{ include "retail-anomaly.influxdbSecret" .root }}
        key: INFLUXDB_TOKEN
  {{- if $values.influxdb.tlsSecret }}
  - name: INFLUXDB_SSL_CA_CERT
    value: /etc/influxdb-tls/ca.crt
  {{- end }}
  {{- end }}
{{- $secrets := list (.kafkaSecret | default $values.kafka.existingSecret) (.secret | default "") }}
{{- $secrets = compact $secrets }}
{{- if or $secrets $values.envFrom }}
envFrom:
  {{- with $values.envFrom }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- range $secrets }}
  - secretRef:
      name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- include "retail-anomaly.containerSecurity" . | nindent 2 }}
resources:
  {{- toYaml .resources | nindent 2 }}
volumeMounts:
  - name: config
    mountPath: /etc/retail-anomaly
    readOnly: true
  - name: {{ .state | default "temporary" }}
    mountPath: /var/lib/retail-anomaly
  - name: temporary
    mountPath: /tmp
    subPath: tmp
  {{- if $live }}
  - name: live
    mountPath: /live
  {{- end }}
  {{- if eq $live "run" }}
  - name: live-update
    mountPath: /etc/live
    readOnly: true
  {{- end }}
  {{- if $values.kafka.tlsSecret }}
  - name: kafka-tls
    mountPath: /etc/kafka-tls
    readOnly: true
  {{- end }}
  {{- if and .influxdb $values.influxdb.tlsSecret }}
  - name: influxdb-tls
    mountPath: /etc/influxdb-tls
    readOnly: true
  {{- end }}
  {{- with $values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "retail-anomaly.volumes" -}}
- name: config
  configMap:
    name: {{ include "retail-anomaly.fullname" .root }}-config
- name: temporary
  emptyDir:
    sizeLimit: 256Mi
{{- if and .live .root.Values.development.liveUpdate }}
- name: live
  emptyDir:
    sizeLimit: 256Mi
{{- end }}
{{- if and (eq (.live | default "") "run") .root.Values.development.liveUpdate }}
- name: live-update
  configMap:
    name: {{ include "retail-anomaly.fullname" .root }}-live-update
{{- end }}
{{- with .root.Values.kafka.tlsSecret }}
- name: kafka-tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- if .influxdb }}
{{- include "retail-anomaly.influxdbTls" .root }}
{{- end }}
{{- with .root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The authority that signed InfluxDB's certificate, if it is your own. */}}
{{- define "retail-anomaly.influxdbTls" -}}
{{- with .Values.influxdb.tlsSecret }}
- name: influxdb-tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items:
      - {key: ca.crt, path: ca.crt}
{{- end }}
{{- end -}}

{{/* Waits for the in-cluster Kafka. Your own runs before the release does. */}}
{{- define "retail-anomaly.waitForKafka" -}}
{{- if .root.Values.kafka.enabled -}}
initContainers:
  - {{- include "retail-anomaly.container" (dict "root" .root "name" "wait-for-kafka" "command" (list "retail-streamer" "topics" "--create" "--wait" "300" "--config" "/etc/retail-anomaly/config.yaml") "resources" .resources) | nindent 4 }}
{{- end -}}
{{- end -}}

{{- define "retail-anomaly.healthProbes" -}}
ports:
  - name: http
    containerPort: {{ include "retail-anomaly.healthPort" .root }}
# Long, because a process without its volume reads its whole state from Kafka first.
startupProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 5
  failureThreshold: 120
livenessProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end -}}

{{/* A changed configuration restarts the pods. `kubectl logs` and `exec` need no --container. */}}
{{- define "retail-anomaly.podAnnotations" -}}
checksum/config: {{ include "retail-anomaly.config" .root | sha256sum }}
{{ include "retail-anomaly.usualAnnotations" . }}
{{- end -}}

{{/* Annotations of any pod: "part" or the "main" container, and the "values" of its part over those of all pods. */}}
{{- define "retail-anomaly.usualAnnotations" -}}
kubectl.kubernetes.io/default-container: {{ .main | default .part }}
{{- with merge dict ((.values | default dict).podAnnotations | default dict) .root.Values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A Job can't be changed, so its name ends with a hash of its spec: dict "root" "part" "spec". */}}
{{- define "retail-anomaly.job" -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "retail-anomaly.metadata" (dict "root" .root "part" .part "name" (printf "%s-%s" .part (sha256sum .spec | trunc 8))) | nindent 2 }}
spec:
  {{- .spec | nindent 2 }}
{{- end -}}
