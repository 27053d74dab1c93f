{{/* An Ingress before a part's Service, if its "values" want one: dict "root" $ "part" "grafana" "values". */}}
{{- define "retail-anomaly.ingress" -}}
{{- if .values.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  {{- include "retail-anomaly.metadata" . | nindent 2 }}
  {{- with .values.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .values.className }}
  ingressClassName: {{ . }}
  {{- end }}
  rules:
    - host: {{ .values.host }}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: {{ include "retail-anomaly.fullname" .root }}-{{ .part }}
                port: {name: http}
  {{- with .values.tlsSecret }}
  tls:
    - hosts: [{{ $.values.host }}]
      secretName: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}
