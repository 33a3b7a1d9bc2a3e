{{/*
Every name is fixed: the operator's code names its ClusterRoles, and a second installation in a cluster would fight with the first.
Helm refuses one, because the ClusterRoles belong to the first.
*/}}
{{- define "kopnams.name" -}}kopnams{{- end }}

{{- define "kopnams.selectorLabels" -}}
app.kubernetes.io/name: {{ include "kopnams.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "kopnams.labels" -}}
{{ include "kopnams.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: kopnams
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "kopnams.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* The security context of a pod, as the profile `restricted` asks for it. */}}
{{- define "kopnams.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* The security context of a container, as the profile `restricted` asks for it. */}}
{{- define "kopnams.containerSecurityContext" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* What members of a municipality may read. No Secrets and no ConfigMaps: settings of a system may hold what is not everybody's. */}}
{{- define "kopnams.viewerRules" -}}
- apiGroups: [kopnams.lv]
  resources: [municipalityapps]
  verbs: [get, list, watch]
- apiGroups: [kopnams.lv]
  resources: [municipalityapps/status]
  verbs: [get]
- apiGroups: [""]
  resources: [pods, services, events, resourcequotas, limitranges, persistentvolumeclaims]
  verbs: [get, list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [get, list, watch]
- apiGroups: [apps]
  resources: [deployments, statefulsets, replicasets]
  verbs: [get, list, watch]
- apiGroups: [batch]
  resources: [jobs, cronjobs]
  verbs: [get, list, watch]
- apiGroups: [networking.k8s.io]
  resources: [ingresses, networkpolicies]
  verbs: [get, list, watch]
{{- end }}
