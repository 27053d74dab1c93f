{{/* A part with local state: dict "root" $ "part" "streamer" "values" .Values.streamer "command" (list ...)
     "scaled" whether something else decides the replicas, "secret" a Secret with further variables. */}}
{{- define "retail-anomaly.stateful" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "retail-anomaly.metadata" . | nindent 2 }}
spec:
  # A headless service gives the processes their names and Prometheus their addresses; nothing calls it.
  clusterIP: None
  publishNotReadyAddresses: true
  selector:
    {{- include "retail-anomaly.selector" . | nindent 4 }}
  ports:
    - name: http
      port: {{ include "retail-anomaly.healthPort" .root }}
      targetPort: http
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  {{- include "retail-anomaly.metadata" . | nindent 2 }}
spec:
  serviceName: {{ include "retail-anomaly.fullname" .root }}-{{ .part }}
  {{- if .scaled }}
  {{- with (lookup "apps/v1" "StatefulSet" .root.Release.Namespace (printf "%s-%s" (include "retail-anomaly.fullname" .root) .part)).spec }}
  # As many as run now: a field that an upgrade takes away would become 1, until KEDA looks again.
  replicas: {{ .replicas }}
  {{- end }}
  {{- else }}
  replicas: {{ .values.replicas }}
  {{- end }}
  # All start at once: they share a consumer group and need not wait for each other.
  podManagementPolicy: Parallel
  updateStrategy:
    type: RollingUpdate
  # A process that comes back finds its state, and reads only the rest from the changelog.
  persistentVolumeClaimRetentionPolicy:
    whenDeleted: Retain
    whenScaled: Retain
  selector:
    matchLabels:
      {{- include "retail-anomaly.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "retail-anomaly.podLabels" . | nindent 8 }}
      annotations:
        {{- include "retail-anomaly.podAnnotations" . | nindent 8 }}
    spec:
      {{- include "retail-anomaly.podBase" . | nindent 6 }}
      {{- include "retail-anomaly.spread" . | nindent 6 }}
      # Time for the last commit and for handing over the partitions.
      terminationGracePeriodSeconds: 90
      {{- include "retail-anomaly.waitForKafka" (dict "root" .root "resources" .values.resources) | nindent 6 }}
      containers:
        - {{- include "retail-anomaly.container" (dict "root" .root "name" .part "command" .command "state" "state" "lasting" true "live" "run" "env" .values.env "secret" .secret "resources" .values.resources) | nindent 10 }}
          {{- include "retail-anomaly.healthProbes" . | nindent 10 }}
      volumes:
        {{- include "retail-anomaly.volumes" (merge (dict "live" "run") .) | nindent 8 }}
  volumeClaimTemplates:
    - apiVersion: v1
      kind: PersistentVolumeClaim
      metadata:
        name: state
        labels:
          {{- include "retail-anomaly.selector" . | nindent 10 }}
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .values.storage.className }}
        storageClassName: {{ . }}
        {{- end }}
        resources:
          requests:
            storage: {{ .values.storage.size }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "retail-anomaly.metadata" . | nindent 2 }}
spec:
  # One at a time, because the partitions of each move away and come back.
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "retail-anomaly.selector" . | nindent 6 }}
{{- end -}}


{{/* The volume of a server: dict "part" (dict ...) "storage" .Values.x.storage. */}}
{{- define "retail-anomaly.dataClaim" -}}
- apiVersion: v1
  kind: PersistentVolumeClaim
  metadata:
    name: data
    labels:
      {{- include "retail-anomaly.selector" .part | nindent 6 }}
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .storage.className }}
    storageClassName: {{ . }}
    {{- end }}
    resources:
      requests:
        storage: {{ .storage.size }}
{{- end -}}
