package reliability

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// What people do to accounts.

func (p *stage) secretBecomes(account, what string) {
	switch what {
	case "right":
		p.writeSecret(account, map[string]string{"userId": p.users[account], "token": p.tokens[account]})
	case "wrong":
		p.writeSecret(account, map[string]string{"userId": p.users[account], "token": p.canary()})
	case "half":
		p.writeSecret(account, map[string]string{"userId": p.users[account]})
	case "both":
		p.writeSecret(account, map[string]string{"userId": p.users[account], "token": p.tokens[account], "ssid": p.canary()})
	case "gone":
		key := secretKey(p.w, account)
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
		p.w.must(client.IgnoreNotFound(admin.Delete(p.w.context, secret)))
	}
}

// rotate changes the token, first in the Secret or first in DeepCall.
func (p *stage) rotate(account, first string) {
	if first == "secret" {
		next := p.canary()
		p.writeSecret(account, map[string]string{"userId": p.users[account], "token": next})
		p.pause(1)
		p.tokens[account] = next
		p.everywhere(func(s *deepcalltest.Server) { s.RotateToken(p.users[account], next) })
		return
	}
	p.rotateInDeepCall(account)
	p.pause(1)
	p.secretBecomes(account, "right")
}

// move switches an account's endpoint.
func (p *stage) move(account, place string) {
	if p.at[account] == place {
		return
	}
	p.at[account] = place
	p.editAccount(account, func(a *v1alpha1.DeepCallAccount) { a.Spec.Endpoint = p.urls[place] })
	p.book.moves(account, p.revision())
}

func (p *stage) allow(account, from string) {
	p.editAccount(account, func(a *v1alpha1.DeepCallAccount) { a.Spec.AllowedNamespaces.From = v1alpha1.NamespacesFrom(from) })
}

// retry asks for an account to be tried again.
func (p *stage) retry(account string) {
	p.editAccount(account, func(a *v1alpha1.DeepCallAccount) {
		metav1.SetMetaDataAnnotation(&a.ObjectMeta, v1alpha1.ReconcileRequestedAtAnnotation, p.count())
	})
}

// abolish deletes an account, its Secret and all its mappings at once.
func (p *stage) abolish(account string) {
	p.secretBecomes(account, "gone")
	key := p.w.key(account)
	p.w.must(client.IgnoreNotFound(admin.Delete(p.w.context,
		&v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}})))
	for _, r := range cast {
		if r.account == account {
			p.delete(r.name)
		}
	}
}

// found creates an account again that was abolished.
func (p *stage) found(account string) {
	p.createAccount(account)
}
