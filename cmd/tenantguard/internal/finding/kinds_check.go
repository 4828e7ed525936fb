package finding

// checkKinds are what check finds.
var checkKinds = []Kind{
	{
		ID: "policy-error", Command: "check", Severity: Error,
		Meaning: "the plugin refuses the policy, with these words",
	},
}
