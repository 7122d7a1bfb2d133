package main

// role is a file of config/rbac: who has it, where it holds, and what for.
type role struct {
	File, Name string
	// Manager is true for what the manager itself may do.
	Manager bool
	Where   string
	Grants  []grant
}

// grant is some rights that are there for one reason.
type grant struct {
	verbs, resources []string
	Why              string
}

var (
	kinds      = []string{"agentgroupmappings", "deepcallaccounts"}
	statuses   = []string{"agentgroupmappings/status", "deepcallaccounts/status"}
	read       = []string{"get", "list", "watch"}
	edit       = []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
	everywhere = "every namespace that it watches"
)

// roles are all of config/rbac, with the reason of each right.
var roles = []role{
	{
		File: "role.yaml", Name: "manager-role", Manager: true, Where: everywhere,
		Grants: []grant{
			{[]string{"list", "watch"}, []string{"agentgroupmappings"}, "to read the mappings"},
			{[]string{"patch"}, []string{"agentgroupmappings"}, "to set their finalizer and the annotation `telephony.deepcall.com/attempted-groups`"},
			{[]string{"get", "list", "watch"}, []string{"deepcallaccounts"}, "to read the accounts; `get` asks for one past the cache"},
			{[]string{"patch"}, []string{"deepcallaccounts"}, "to set their finalizer"},
			{[]string{"update"}, statuses, "to report"},
			{[]string{"list", "watch"}, []string{"secrets"}, "to learn, from their metadata alone, that one changed"},
			{[]string{"get"}, []string{"secrets"}, "to read the Secrets that accounts name"},
			{[]string{"create"}, []string{"events.events.k8s.io"}, "to tell what happened"},
		},
	},
	{
		File: "namespaces_role.yaml", Name: "namespaces-role", Manager: true, Where: "the cluster, unless namespaces are chosen",
		Grants: []grant{
			{[]string{"list", "watch"}, []string{"namespaces"}, "to read the labels that `allowedNamespaces` selects by"},
			{[]string{"get"}, []string{"namespaces"}, "to see whether a namespace is being deleted"},
		},
	},
	{
		File: "namespaced/namespace_role.yaml", Name: "namespace-role", Manager: true, Where: "every namespace that it watches, if these are chosen",
		Grants: []grant{
			{[]string{"get"}, []string{"namespaces"}, "to see whether this namespace, and no other, is being deleted"},
		},
	},
	{
		File: "leader_election_role.yaml", Name: "leader-election-role", Manager: true, Where: "its own namespace",
		Grants: []grant{
			{[]string{"get", "create", "update"}, []string{"leases.coordination.k8s.io"}, "to elect a leader"},
			{[]string{"create"}, []string{"events"}, "to tell who leads"},
		},
	},
	{
		File: "metrics_auth_role.yaml", Name: "metrics-auth-role", Manager: true, Where: "the cluster, unless namespaces are chosen",
		Grants: []grant{
			{[]string{"create"}, []string{"tokenreviews.authentication.k8s.io"}, "to ask who wants to read the metrics"},
			{[]string{"create"}, []string{"subjectaccessreviews.authorization.k8s.io"}, "to ask whether they may"},
		},
	},
	{
		File: "admin_role.yaml", Name: "deepcall-admin", Where: "whoever has the built-in role `admin`",
		Grants: []grant{
			{edit, kinds, "to declare accounts and mappings"},
			{[]string{"get"}, statuses, "to read how they stand; nobody but the manager writes that"},
		},
	},
	{
		File: "editor_role.yaml", Name: "deepcall-editor", Where: "whoever has the built-in role `edit`",
		Grants: []grant{
			{edit, kinds, "to declare accounts and mappings"},
			{[]string{"get"}, statuses, "to read how they stand; nobody but the manager writes that"},
		},
	},
	{
		File: "viewer_role.yaml", Name: "deepcall-viewer", Where: "whoever has the built-in role `view`",
		Grants: []grant{
			{read, kinds, "to see accounts and mappings"},
			{[]string{"get"}, statuses, "to read how they stand"},
		},
	},
	{
		File: "metrics_reader_role.yaml", Name: "metrics-reader", Where: "whoever it is bound to, such as Prometheus",
		Grants: []grant{
			{[]string{"get"}, []string{"/metrics"}, "to scrape the metrics"},
		},
	},
}
