package main

// role is a file of config/rbac and the purpose of its rights.
type role struct {
	File, Name string
	// Manager reports whether the role is the manager's own.
	Manager bool
	// Where is the scope of a role of the manager, or the subjects of another role.
	Where  string
	Grants []grant
}

// grant is a set of rights with the same purpose.
type grant struct {
	verbs, resources []string
	Purpose          string
}

var (
	kinds      = []string{"agentgroupmappings", "deepcallaccounts"}
	statuses   = []string{"agentgroupmappings/status", "deepcallaccounts/status"}
	read       = []string{"get", "list", "watch"}
	edit       = []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
	everywhere = "every namespace that it watches"
)

// roles lists all roles of config/rbac with the purpose of each right.
var roles = []role{
	{
		File: "role.yaml", Name: "manager-role", Manager: true, Where: everywhere,
		Grants: []grant{
			{[]string{"list", "watch"}, []string{"agentgroupmappings"}, "to read the mappings"},
			{[]string{"patch"}, []string{"agentgroupmappings"}, "to set their finalizer and the annotation `telephony.deepcall.com/attempted-groups`"},
			{[]string{"get", "list", "watch"}, []string{"deepcallaccounts"}, "to read the accounts; `get` bypasses the cache"},
			{[]string{"patch"}, []string{"deepcallaccounts"}, "to set their finalizer"},
			{[]string{"update"}, statuses, "to write their status"},
			{[]string{"list", "watch"}, []string{"secrets"}, "to notice changes, from their metadata alone"},
			{[]string{"get"}, []string{"secrets"}, "to read the Secrets that accounts reference"},
			{[]string{"list", "watch"}, []string{"configmaps"}, "to notice changes of CA bundles, from the metadata alone, once an account has a `caBundleRef` of the kind ConfigMap"},
			{[]string{"get"}, []string{"configmaps"}, "to read the CA bundles that accounts reference"},
			{[]string{"create"}, []string{"events.events.k8s.io"}, "to record events"},
		},
	},
	{
		File: "namespaces_role.yaml", Name: "namespaces-role", Manager: true, Where: "the cluster, unless the manager watches chosen namespaces",
		Grants: []grant{
			{[]string{"list", "watch"}, []string{"namespaces"}, "to read the labels that `allowedNamespaces` selects"},
			{[]string{"get"}, []string{"namespaces"}, "to check whether a namespace is being deleted"},
		},
	},
	{
		File: "namespaced/namespace_role.yaml", Name: "namespace-role", Manager: true, Where: "every namespace that it watches, if it watches chosen namespaces",
		Grants: []grant{
			{[]string{"get"}, []string{"namespaces"}, "to check whether this namespace is being deleted"},
		},
	},
	{
		File: "leader_election_role.yaml", Name: "leader-election-role", Manager: true, Where: "its own namespace",
		Grants: []grant{
			{[]string{"get", "create", "update"}, []string{"leases.coordination.k8s.io"}, "to elect a leader"},
			{[]string{"create"}, []string{"events"}, "to record the leader in events"},
		},
	},
	{
		File: "metrics_auth_role.yaml", Name: "metrics-auth-role", Manager: true, Where: "the cluster, unless the manager watches chosen namespaces",
		Grants: []grant{
			{[]string{"create"}, []string{"tokenreviews.authentication.k8s.io"}, "to authenticate readers of the metrics"},
			{[]string{"create"}, []string{"subjectaccessreviews.authorization.k8s.io"}, "to authorize them"},
		},
	},
	{
		File: "admin_role.yaml", Name: "deepcall-admin", Where: "everyone with the built-in role `admin`",
		Grants: []grant{
			{edit, kinds, "to declare accounts and mappings"},
			{[]string{"get"}, statuses, "to read their status, which only the manager writes"},
		},
	},
	{
		File: "editor_role.yaml", Name: "deepcall-editor", Where: "everyone with the built-in role `edit`",
		Grants: []grant{
			{edit, kinds, "to declare accounts and mappings"},
			{[]string{"get"}, statuses, "to read their status, which only the manager writes"},
		},
	},
	{
		File: "viewer_role.yaml", Name: "deepcall-viewer", Where: "everyone with the built-in role `view`",
		Grants: []grant{
			{read, kinds, "to read accounts and mappings"},
			{[]string{"get"}, statuses, "to read their status"},
		},
	},
	{
		File: "metrics_reader_role.yaml", Name: "metrics-reader", Where: "the subjects that it is bound to, such as the account of the ServiceMonitor",
		Grants: []grant{
			{[]string{"get"}, []string{"/metrics"}, "to scrape the metrics"},
		},
	},
}
