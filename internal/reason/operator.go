package reason

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// Reasons that no condition has. The roster shows them instead of one.
const (
	// Pending means that the operator has not acted on the latest change yet.
	Pending = "Pending"
	// Deleting means that the mapping is being deleted.
	Deleting = "Deleting"
)

// Sentences that several reasons share.
const (
	noAction       = "No action is needed."
	retryOnChange  = "It retries as soon as the account or the Secret changes. Until then it sends no request with this account."
	retryOnBundle  = "It retries as soon as the account or the object of spec.caBundleRef changes. Until then it sends no request with this account."
	recreateIfElse = "If spec.accountRef is wrong, the mapping's owner deletes the mapping and creates it with the right one."
)

// operatorReasons are the operator's own reasons: those of a mapping, of an account, and of the roster.
var operatorReasons = []Entry{
	{
		Reason: v1alpha1.ReasonSynced, Object: Mapping, Ready: metav1.ConditionTrue, Event: Recovery,
		Message:  "DeepCall confirmed the declared groups",
		Meaning:  "DeepCall confirmed the declared groups, or there is nothing to send.",
		Operator: "It sends the groups again at every resyncInterval.",
		Remedy:   noAction,
	},
	{
		Reason: v1alpha1.ReasonSuspended, Object: Mapping, Ready: metav1.ConditionFalse, Event: NoEvent,
		Message:  "The mapping is suspended and its spec differs from what DeepCall last confirmed; set spec.suspend to false to send it",
		Meaning:  "spec.suspend is set, and the mapping's spec differs from what DeepCall last confirmed.",
		Operator: "It sends no request for this mapping.",
		Remedy:   "The mapping's owner resumes it: kubectl deepcall resume NAME.",
	},
	{
		Reason: v1alpha1.ReasonConflict, Object: Mapping, Ready: metav1.ConditionFalse, Condition: v1alpha1.ConditionStalled, Event: Warning,
		Message:  "Another mapping of this agent owns <groups>; declare each group in one mapping only",
		Meaning:  "Another mapping of the same agent owns a group that this one declares too.",
		Operator: "It keeps the value of the current owner and sends this mapping's other groups. This mapping takes over when the owner no longer declares the group.",
		Remedy:   "The owners of the two mappings remove the group from one of them; kubectl deepcall roster --agent ID -A lists all mappings that you can read.",
	},
	{
		Reason: v1alpha1.ReasonAccountNotFound, Object: Mapping, Ready: metav1.ConditionFalse, Condition: v1alpha1.ConditionReconciling, Event: Warning,
		Message:  `There is no DeepCallAccount "<name>" in this namespace; create it, or make a new mapping with the right spec.accountRef`,
		Meaning:  "There is no DeepCallAccount of that name in the mapping's namespace.",
		Operator: "It sends the mapping as soon as the account exists.",
		Remedy:   "The mapping's owner creates the account. " + recreateIfElse,
	},
	{
		Reason: v1alpha1.ReasonAccountNotPermitted, Object: Mapping, Ready: metav1.ConditionFalse, Condition: v1alpha1.ConditionStalled, Event: Warning,
		Message:  "The account does not exist, or does not allow mappings of this namespace; ask its owner to allow the namespace in spec.allowedNamespaces, or make a new mapping with the right spec.accountRef",
		Meaning:  "The account of the other namespace does not exist, or does not allow mappings of this one. The reason does not disclose which.",
		Operator: "It sends the mapping as soon as the account allows it.",
		Remedy:   "The account's owner allows the namespace in spec.allowedNamespaces. " + recreateIfElse,
	},
	{
		Reason: v1alpha1.ReasonAccountNotReady, Object: Mapping, Ready: metav1.ConditionFalse, Condition: v1alpha1.ConditionReconciling, Event: NoEvent,
		Message:  `The DeepCallAccount "<name>" can't be used now; kubectl describe dca <name> -n <namespace> shows the reason`,
		Meaning:  "The account can't be used now. Its own conditions state why.",
		Operator: "It sends the mapping as soon as the account can be used.",
		Remedy:   "The account's owner looks up the reason with kubectl describe dca NAME, and its remedy with kubectl deepcall code REASON.",
	},
	{
		Reason: v1alpha1.ReasonWriteRejected, Object: Mapping, Ready: metav1.ConditionFalse, Condition: v1alpha1.ConditionStalled, Event: Warning,
		Message: "The API server rejects the operator's writes of this mapping; allow them, for example in an admission policy. The API server's message: <problem>",
		Meaning: "The API server rejected the mapping's finalizer, the annotation that precedes a request, or the status, for example because of an admission policy " +
			"or missing permissions. If it rejected the status, only an event, the log and deepcall_writes_rejected_total show this reason.",
		Operator: "It repeats the write with exponential back-off, from 1 second to 5 minutes, when the mapping's spec changes, or on request (kubectl deepcall resync). " +
			"Until then it sends no request for the mapping, unless only the status is rejected. Other mappings are not affected.",
		Remedy: "The cluster's administrator allows the write: the message names the policy, the webhook or the permission. " +
			"If the message names a field of the mapping, its owner corrects it.",
	},

	{
		Reason: v1alpha1.ReasonPaused, Object: Shared, Ready: metav1.ConditionFalse, Condition: v1alpha1.ConditionReconciling, Event: NoEvent,
		Message:  "DeepCall asked to wait; no request is sent with the account until then",
		Meaning:  "DeepCall asked to wait, for 30 seconds to an hour (Retry-After).",
		Operator: "It sends no request with the account until then. The first request afterwards is a probe, and its success releases the others.",
		Remedy:   "No action is needed. If it happens often, the account's owner lowers spec.limits. To end the pause at once and resync all mappings of the account: " + resyncAccount,
	},
	{
		Reason: v1alpha1.ReasonRemovalAbandoned, Object: Mapping, Event: Warning,
		Message: "Agent <agent> can still receive calls of <groups>: a mapping was released without a request to DeepCall, since its namespace was deleted and " +
			"the account's credentials are gone; remove the agent from these groups in DeepCall",
		Meaning: "The mapping's namespace was deleted while no operator with the credentials ran, so that its groups could not be removed. Only the log, " +
			"deepcall_removals_abandoned_total and an event of the namespace, stored in the namespace default, show this reason.",
		Operator: "It releases the mapping without a request, so that the deletion of the namespace ends.",
		Remedy:   "The agent's owner removes the agent from these groups in DeepCall.",
	},
	{
		Reason: v1alpha1.ReasonSecondOperator, Object: Shared, Event: Warning,
		Message: "Another installation of the operator writes this status, too, and sends requests for the same mappings; uninstall one of the two, or let them watch different namespaces",
		Meaning: "Another operator works on the same objects, for example one in another namespace, or a replica without --leader-elect. Only an event, the log " +
			"and deepcall_foreign_status_writes_total show this reason. It is reported from the second write of the same status on, a minute after this operator's first write.",
		Operator: "It continues. Requests of the two can overlap, so an agent can get the groups of an outdated request until the next resync.",
		Remedy: "The cluster's administrator finds both with kubectl get pods -A -l app.kubernetes.io/name=deepcall-operator, " +
			"and uninstalls one of them, or lets them watch different namespaces or labels.",
	},

	{
		Reason: v1alpha1.ReasonUntried, Object: Account, Ready: metav1.ConditionTrue, Event: Recovery,
		Message:  "DeepCall has not accepted a request with these credentials yet",
		Meaning:  "The account is valid, and DeepCall has not accepted a request with these credentials yet.",
		Operator: "It sends one request at a time until one succeeds.",
		Remedy:   noAction,
	},
	{
		Reason: v1alpha1.ReasonUsable, Object: Account, Ready: metav1.ConditionTrue, Event: Recovery,
		Message:  "DeepCall accepts the account's requests",
		Meaning:  "DeepCall accepts the account's requests.",
		Operator: "It sends the requests of the account's mappings.",
		Remedy:   noAction,
	},
	{
		Reason: v1alpha1.ReasonUnreachable, Object: Account, Ready: metav1.ConditionFalse, Condition: v1alpha1.ConditionReconciling, Event: Warning,
		Message:  "DeepCall failed to answer several requests in a row; the operator retries with one request at a time. The first failure: <failure>",
		Meaning:  "DeepCall failed to answer several requests in a row. The message names the failure that led to this and, for a failed connection, its cause.",
		Operator: "It retries with one request at a time, from 1 second to 1 minute apart. The first that succeeds enables the account for all its mappings.",
		Remedy:   "No action is needed for a short outage. If it lasts, the cluster's administrator checks the network path to DeepCall (DNS, proxy, firewall, network policy) and contacts DeepCall support.",
	},
	{
		Reason: v1alpha1.ReasonTerminating, Object: Account, Ready: metav1.ConditionFalse, Condition: v1alpha1.ConditionReconciling, Event: NoEvent,
		Message: "The account is being deleted and waits for the mappings that use it (status.mappings); " +
			"delete them, or set their spec.removalPolicy to Orphan",
		Meaning:  "The account is being deleted, and mappings that use it have groups to remove from DeepCall first.",
		Operator: "It still sends the requests of these mappings, but none of new ones. It releases the account after the last removal.",
		Remedy: "The owners of the mappings delete them, or set spec.removalPolicy to Orphan, which leaves their groups in DeepCall. " +
			"kubectl get agm -A lists all mappings.",
	},
	{
		Reason: v1alpha1.ReasonSecretNotFound, Object: Account, Ready: metav1.ConditionFalse, Condition: v1alpha1.ConditionReconciling, Event: Warning,
		Message:  `There is no Secret "<name>" in this namespace; create it with userId and token, or with ssid`,
		Meaning:  "The Secret that spec.credentialsSecretRef names does not exist in the account's namespace.",
		Operator: retryOnChange,
		Remedy:   "The account's owner creates the Secret with ssid, or with userId and token.",
	},
	{
		Reason: v1alpha1.ReasonSecretForbidden, Object: Account, Ready: metav1.ConditionFalse, Condition: v1alpha1.ConditionStalled, Event: Warning,
		Message:  "The operator is not allowed to read Secrets in this namespace; allow its ServiceAccount to get, list and watch secrets here",
		Meaning:  "The operator is not allowed to read the Secret.",
		Operator: "It retries every minute.",
		Remedy:   "The cluster's administrator grants the operator the permissions of its Role in config/rbac.",
	},
	{
		Reason: v1alpha1.ReasonInvalidCredentials, Object: Account, Ready: metav1.ConditionFalse, Condition: v1alpha1.ConditionStalled, Event: Warning,
		Message:  `The Secret "<name>" <problem>`,
		Meaning:  "The Secret must contain either ssid, or userId and token, without invisible characters and without spaces at either end. One newline at the end is ignored.",
		Operator: retryOnChange,
		Remedy:   "The account's owner corrects the Secret.",
	},
	{
		Reason: v1alpha1.ReasonInvalidEndpoint, Object: Account, Ready: metav1.ConditionFalse, Condition: v1alpha1.ConditionStalled, Event: Warning,
		Message:  "spec.endpoint <problem>",
		Meaning:  "spec.endpoint can't be used: it must be a base URL that begins with https, with a host, and without a user, a query, a fragment or the path of the request.",
		Operator: retryOnChange,
		Remedy:   "The account's owner corrects spec.endpoint. For development, the operator can run with --allow-insecure-endpoints.",
	},
	{
		Reason: v1alpha1.ReasonInvalidCABundle, Object: Account, Ready: metav1.ConditionFalse, Condition: v1alpha1.ConditionStalled, Event: Warning,
		Message: "<bundle> <problem>",
		Meaning: "spec.caBundle, or the key of the ConfigMap or Secret that spec.caBundleRef names, contains no PEM certificate, one that is damaged, or more than 768 KiB. " +
			"The message states the number of a damaged certificate in the bundle.",
		Operator: retryOnBundle,
		Remedy:   "The account's owner corrects the bundle, or removes spec.caBundle or spec.caBundleRef to trust the system's roots.",
	},
	{
		Reason: v1alpha1.ReasonCABundleNotFound, Object: Account, Ready: metav1.ConditionFalse, Condition: v1alpha1.ConditionReconciling, Event: Warning,
		Message:  `There is no CA bundle in the key "<key>" of the <kind> "<name>": <problem>; add the CA's certificates in PEM form, or correct spec.caBundleRef`,
		Meaning:  "The ConfigMap or Secret that spec.caBundleRef names does not exist in the account's namespace, or its key does not exist or is empty.",
		Operator: retryOnBundle + " Removals are still sent, with the bundle that it last read there.",
		Remedy:   "The account's owner creates the object, lets a tool such as trust-manager create it, or corrects spec.caBundleRef.",
	},
	{
		Reason: v1alpha1.ReasonCABundleForbidden, Object: Account, Ready: metav1.ConditionFalse, Condition: v1alpha1.ConditionStalled, Event: Warning,
		Message:  "The operator is not allowed to read <kind>s; allow its ServiceAccount to get, list and watch <resource> in every namespace that it watches",
		Meaning:  "The operator is not allowed to read the object of spec.caBundleRef, or to watch ConfigMaps. Other accounts are not affected.",
		Operator: "It retries every minute. Until then it sends no request with this account. Removals are still sent, with the bundle that it last read there.",
		Remedy:   "The cluster's administrator grants the operator the permissions of its Role in config/rbac, also after an upgrade.",
	},
	{
		Reason: v1alpha1.ReasonInvalidSelector, Object: Account, Ready: metav1.ConditionFalse, Condition: v1alpha1.ConditionStalled, Event: Warning,
		Message:  "spec.allowedNamespaces.selector: <problem>",
		Meaning:  "spec.allowedNamespaces.selector is not a valid label selector.",
		Operator: retryOnChange,
		Remedy:   "The account's owner corrects the selector.",
	},
	{
		Reason: v1alpha1.ReasonSelectorNotSupported, Object: Account, Ready: metav1.ConditionFalse, Condition: v1alpha1.ConditionStalled, Event: Warning,
		Message:  "spec.allowedNamespaces.from Selector needs an operator that watches all namespaces; use Same or All",
		Meaning:  "spec.allowedNamespaces.from is Selector, and an operator that watches only some namespaces can't read their labels.",
		Operator: retryOnChange,
		Remedy:   "The account's owner chooses Same or All instead.",
	},
	{
		Reason: v1alpha1.ReasonNamespaceUnreadable, Object: Account, Ready: metav1.ConditionFalse, Condition: v1alpha1.ConditionStalled, Event: Warning,
		Message:  "The operator can't read one of the namespaces that it watches, and mappings there could use this account",
		Meaning:  "spec.allowedNamespaces allows other namespaces, and the operator lacked the permissions for one of the watched namespaces when it started. A request could omit groups that a mapping there declares.",
		Operator: "It sends no request with this account, so deletions wait. It restarts when it can read the namespace.",
		Remedy:   "The cluster's administrator grants the operator its permissions in the namespaces that the metric deepcall_namespaces_unreadable and the log name, or removes these from the watched ones.",
	},

	{
		Reason: v1alpha1.ReasonDuplicateAccount, Object: Account, Condition: v1alpha1.ConditionDuplicate, Event: Warning,
		Message: "This account shares its endpoint and user with <accounts>; they overwrite each other's groups, so move all mappings to one of them, and suspend the others' before you delete them",
		Meaning: "Other accounts have the same endpoint, and the same userId or ssid. An agent with mappings of several accounts has the groups of the last request only, " +
			"and a removal with one account stops calls that another one declares. If all other accounts are in other namespaces, there is no condition, only the event and the metric.",
		Operator: "It sends the requests of all accounts. The warning ends when only one of the accounts is left; its mappings are sent again then if the others were in its namespace, since a removal with another account can have overwritten their groups.",
		Remedy:   "The account's owner moves all mappings to one account, as docs/how-to/change-account.md describes: the mappings of the others are suspended before they are deleted.",
	},
	{
		Reason: Pending, Object: Roster,
		Meaning:  "The latest change has not been sent yet. Only kubectl deepcall shows this reason.",
		Operator: "It sends the change within seconds, or when the account's limits permit it. DeepCall can ask it to wait for up to an hour.",
		Remedy:   "No action is needed at first. If it lasts, the cluster's administrator checks that the operator runs (kubectl get pods -A -l app.kubernetes.io/name=deepcall-operator) and that it watches this namespace.",
	},
	{
		Reason: Deleting, Object: Roster,
		Meaning:  "The mapping is being deleted. Only kubectl deepcall shows this reason.",
		Operator: "It removes the mapping's groups from the agent in DeepCall, and then allows the deletion.",
		Remedy:   "No action is needed at first. If it lasts, the mapping's owner checks kubectl describe agm NAME. With spec.removalPolicy Orphan, the mapping is deleted at once and the agent's calls stay as they are.",
	},
}
