"""The client of a service: each call has a method, and one core decides for both clients what is sent and repeated.

Nothing is imported here: where a service is looked for and none is named, no HTTP library is loaded.
"""
