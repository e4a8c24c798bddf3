"""Skill files of AgentOS in its first dialects, A and B, as files of dialect C."""
