package admission

// The keys of the ConfigMap of owners are patterns, with "-." for "*." and "--." for "**.", as a key
// may have no asterisk and no label begins with a hyphen. Two more kinds of key begin with a
// capital, which no pattern has.
const (
	// insideKey, before a suffix, has the tenants that own a name right below that suffix.
	insideKey = "Inside."
	// namesKey, before a Namespace, has what names of its Ingresses may not begin with, each with
	// the older Namespace of another tenant whose names they would be in Traefik: "api=shop-api".
	// Nothing before "=" forbids all Ingresses.
	namesKey = "Names."
)
