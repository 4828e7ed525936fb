module github.com/tenantguard/tenantguard

go 1.26.0
