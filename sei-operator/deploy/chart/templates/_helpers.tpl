{{/* What the operator's pods are found by. */}}
{{- define "sei-operator.selector" -}}
app.kubernetes.io/name: sei-operator
{{- end }}

{{/* Labels of every object. */}}
{{- define "sei-operator.labels" -}}
{{ include "sei-operator.selector" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- end }}

{{/* Name, namespace and labels of an object of the operator's namespace. */}}
{{- define "sei-operator.metadata" -}}
name: sei-operator
namespace: {{ .Release.Namespace }}
labels:
  {{- include "sei-operator.labels" . | nindent 2 }}
{{- end }}

{{/* The image, by digest where there is one. */}}
{{- define "sei-operator.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* The settings as lines in the order of their names: what the checksum of the pods is made of. */}}
{{- define "sei-operator.settings" -}}
{{- range $name, $value := .Values.settings }}{{ $name }}={{ $value }}
{{ end }}
{{- end }}

{{/* A role and its binding. Of a list: the root, the namespace of the role or "" for the whole cluster, its name, its rules. */}}
{{- define "sei-operator.role" -}}
{{- $root := index . 0 }}
{{- $namespace := index . 1 }}
{{- $name := index . 2 }}
{{- $kind := ternary "Role" "ClusterRole" (ne $namespace "") }}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  name: {{ $name }}
  {{- with $namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "sei-operator.labels" $root | nindent 4 }}
rules:
  {{- toYaml (index . 3) | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata:
  name: {{ $name }}
  {{- with $namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "sei-operator.labels" $root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $kind }}
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: sei-operator
    namespace: {{ $root.Release.Namespace }}
{{- end }}
