package hosts

import "strings"

// publicSuffixes are names of more than one label below which names have many owners: those of
// registries and of hosters that are met most often, from the Public Suffix List. It is a short
// list, for warnings only.
const publicSuffixes = `
	ac.uk co.uk gov.uk ltd.uk me.uk net.uk org.uk plc.uk
	com.au edu.au gov.au id.au net.au org.au
	ac.nz co.nz geek.nz net.nz org.nz
	ac.za co.za gov.za org.za web.za
	ac.in co.in edu.in firm.in gen.in gov.in ind.in net.in org.in
	ac.jp co.jp go.jp ne.jp or.jp
	ac.kr co.kr go.kr ne.kr or.kr
	ac.il co.il org.il
	ac.id co.id go.id or.id web.id
	ac.th co.th in.th or.th
	ac.at co.at gv.at or.at
	com.br gov.br net.br org.br
	com.ar gob.ar org.ar
	com.mx gob.mx org.mx
	com.co com.pe com.uy com.ve com.ec
	com.cn gov.cn net.cn org.cn
	com.hk com.mo com.tw org.tw com.sg com.my com.ph com.vn com.bd com.pk co.ke com.ng com.gh
	com.eg com.sa com.tr gov.tr org.tr com.ua com.pl net.pl org.pl waw.pl com.pt com.gr com.cy
	com.mt com.es gob.es nom.es org.es asso.fr com.fr gouv.fr co.hu com.ro co.rs com.hr
	com.de co.com uk.com us.com eu.com eu.org
	appspot.com azurewebsites.net blogspot.com cloudfront.net duckdns.org
	firebaseapp.com fly.dev github.io gitlab.io herokuapp.com netlify.app ngrok.io
	onrender.com pages.dev trycloudflare.com vercel.app web.app workers.dev
`

// privateSuffixes are the names of one label that no registry gives out below: those of RFC 6761,
// and those of RFC 6762, appendix G, that networks use for themselves.
const privateSuffixes = "corp example home internal intranet invalid lan local localhost " +
	"private test"

var (
	isPublic  = setOf(publicSuffixes)
	isPrivate = setOf(privateSuffixes)
)

func setOf(names string) map[Name]bool {
	set := map[Name]bool{}
	for _, name := range strings.Fields(names) {
		set[Name(name)] = true
	}
	return set
}

// PublicSuffix returns the public suffix that the pattern is a wildcard right below, such as com
// or co.uk, "" where it is none. Other tenants' names, and strangers', lie below one.
func (p Pattern) PublicSuffix() string {
	if p.kind == kindExact {
		return ""
	}
	isTop := !strings.Contains(string(p.name), ".")
	if isPublic[p.name] || (isTop && !isPrivate[p.name]) {
		return string(p.name)
	}
	return ""
}
