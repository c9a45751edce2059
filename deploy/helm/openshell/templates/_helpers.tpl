{{- define "openshell.name" -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "openshell.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "openshell.name" .) -}}
{{- end -}}

{{- define "openshell.sandboxNamespace" -}}
{{- .Values.sandboxes.namespace | default .Release.Namespace -}}
{{- end -}}

{{- define "openshell.selector" -}}
app.kubernetes.io/name: openshell
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "openshell.labels" -}}
{{ include "openshell.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* What the driver needs, and no more; its probe names what is missing. */}}
{{- define "openshell.rules" -}}
{{- $asPod := eq (dig "sandbox_api" "pod" .Values.sandboxes.settings) "pod" -}}
- apiGroups: [""]
  resources: [pods]
  verbs: {{ ternary "[create, get, list, watch, delete]" "[get, list, watch]" $asPod }}
- apiGroups: [""]
  resources: [pods/exec]
  verbs: [get, create]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
- apiGroups: [{{ ternary "\"\"" "agents.x-k8s.io" $asPod }}]
  resources: [{{ ternary "persistentvolumeclaims" "sandboxes" $asPod }}]
  verbs: [create, get, list, watch, patch, delete]
- apiGroups: [""]
  resources: [events]
  verbs: [list, watch]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [create]
{{- if eq .Values.sandboxes.workspaceMode "managed" }}
- apiGroups: [""]
  resources: [namespaces]
  verbs: [create, get, list, watch, delete]
{{- end }}
{{- end -}}
