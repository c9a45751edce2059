{{- define "openshell.name" -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "openshell.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "openshell.name" .) -}}
{{- end -}}

{{- define "openshell.sandboxNamespace" -}}
{{- .Values.sandboxes.namespace | default (printf "%s-sandboxes" (include "openshell.name" .)) -}}
{{- end -}}

{{/* In every name that the gateway gives in the cluster. Empty: it makes one. */}}
{{- define "openshell.gatewayId" -}}
{{- if .Values.gatewayId -}}
{{- .Values.gatewayId -}}
{{- else if eq .Values.sandboxes.workspaceMode "managed" -}}
{{- printf "%s/%s" .Release.Namespace .Release.Name | sha256sum | trunc 16 -}}
{{- end -}}
{{- end -}}

{{/* Of objects that belong to the cluster, not to a namespace. */}}
{{- define "openshell.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "openshell.name" .) -}}
{{- end -}}

{{/* The secret with the gateway's certificate; empty without TLS. */}}
{{- define "openshell.tlsSecret" -}}
{{- if .Values.tls.enabled -}}
{{- .Values.tls.secretName | default (printf "%s-tls" (include "openshell.name" .)) -}}
{{- end -}}
{{- end -}}

{{/* "true" when callers need a certificate. Fails when neither that nor the operator's word is given. */}}
{{- define "openshell.mutualTls" -}}
{{- $mutual := and .Values.tls.enabled .Values.tls.clientCertificates -}}
{{- $open := .Values.auth.allowUnauthenticated -}}
{{- if and (not $mutual) (not $open) -}}
{{- $key := ternary "tls.clientCertificates" "tls.enabled" .Values.tls.enabled -}}
{{- fail (printf "%s=false lets everyone who reaches the gateway administer every sandbox: leave it, or set auth.allowUnauthenticated=true as well" $key) -}}
{{- end -}}
{{- if and $mutual $open -}}
{{- fail "auth.allowUnauthenticated=true does nothing while callers need a certificate: leave it, or set tls.enabled=false or tls.clientCertificates=false as well" -}}
{{- end -}}
{{- ternary "true" "" $mutual -}}
{{- end -}}

{{/* NetworkPolicy peers (.peers; none: the whole cluster) without the sandboxes and the namespaces that hold them. */}}
{{- define "openshell.peers" -}}
{{- $none := dict "operator" "DoesNotExist" -}}
{{- $noSandbox := merge (dict "key" "openshell.ai/gateway-id") $none -}}
{{- $noSandboxes := merge (dict "key" "openshell.ai/managed-by") $none -}}
{{- range default (list (dict "namespaceSelector" dict)) .peers }}
{{- $peer := deepCopy . }}
{{- if not (hasKey $peer "ipBlock") }}
{{- $pods := get $peer "podSelector" | default dict }}
{{- $_ := set $pods "matchExpressions" (append (get $pods "matchExpressions" | default list) $noSandbox) }}
{{- $_ := set $peer "podSelector" $pods }}
{{- if hasKey $peer "namespaceSelector" }}
{{- $namespaces := get $peer "namespaceSelector" | default dict }}
{{- $_ := set $namespaces "matchExpressions" (append (get $namespaces "matchExpressions" | default list) $noSandboxes) }}
{{- $_ := set $peer "namespaceSelector" $namespaces }}
{{- end }}
{{- end }}
{{- list $peer | toYaml | nindent 0 }}
{{- end }}
{{- end -}}

{{/* Peers for all addresses but .except. */}}
{{- define "openshell.outside" -}}
{{- $four := list -}}
{{- $six := list -}}
{{- range .except }}
{{- if contains ":" . }}{{ $six = append $six . }}{{ else }}{{ $four = append $four . }}{{ end }}
{{- end }}
- ipBlock: {{ dict "cidr" "0.0.0.0/0" "except" $four | toJson }}
- ipBlock: {{ dict "cidr" "::/0" "except" $six | toJson }}
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
  verbs: [create, list, update]
{{- if eq .Values.sandboxes.workspaceMode "managed" }}
- apiGroups: [""]
  resources: [namespaces]
  verbs: [create, get, list, watch, delete]
{{- end }}
{{- end -}}
